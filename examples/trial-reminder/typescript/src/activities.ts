// The two mails.

export async function SendWelcomeEmail(userId: string): Promise<void> {
  console.log('welcome sent:', userId);
}

export async function SendTrialEndingEmail(userId: string): Promise<void> {
  console.log('trial ending sent:', userId);
}
