// The five steps. Each may be tried more than once, so each does its work under a key
// that makes a second try harmless.

const charges = new Map<string, string>();

export async function ReserveInventory(orderId: string): Promise<void> {
  console.log('inventory reserved:', orderId);
}

/** The payment provider knows charges by their key and makes one only once. */
export async function ChargePayment(orderId: string): Promise<void> {
  if (charges.has(orderId)) return;
  charges.set(orderId, `payment-${charges.size + 1}`);
  console.log('payment charged:', charges.get(orderId));
}

export async function GenerateInvoice(orderId: string): Promise<void> {
  console.log('invoice written:', orderId);
}

export async function SendConfirmationEmail(userId: string): Promise<void> {
  console.log('confirmation sent:', userId);
}

export async function NotifyWarehouse(orderId: string): Promise<void> {
  console.log('warehouse notified:', orderId);
}
