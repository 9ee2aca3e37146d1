// UTF-8 for the adapter itself.

import { TextDecoder, TextEncoder } from './environment/text.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encode(text: string): Uint8Array {
  return encoder.encode(text);
}

export function decode(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
