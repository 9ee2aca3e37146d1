// The one side effect, under a key that makes a second try harmless.

const charges = new Set<string>();

export async function ChargePayment(orderId: string): Promise<void> {
  if (charges.has(orderId)) return;
  charges.add(orderId);
  console.log('payment charged:', orderId);
}
