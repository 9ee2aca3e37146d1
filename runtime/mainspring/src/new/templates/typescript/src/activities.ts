// The activities: what touches the world. They run in the worker.

export async function ComposeGreeting(name: string): Promise<string> {
  return `Hello, ${name}!`;
}
