// TextEncoder and TextDecoder for UTF-8: the engine has none.

/** Characters turned into a string at a time: more would exhaust the stack. */
const PIECE = 4096;
const REPLACEMENT = 0xfffd;

export class TextEncoder {
  readonly encoding = 'utf-8';

  encode(text: unknown = ''): Uint8Array {
    const string = String(text);
    const bytes = new Uint8Array(string.length);
    for (let index = 0; index < string.length; index++) {
      const unit = string.charCodeAt(index);
      if (unit > 0x7f) return encodeWide(string);
      bytes[index] = unit;
    }
    return bytes;
  }

  encodeInto(text: string, into: Uint8Array): { read: number; written: number } {
    let read = 0;
    let written = 0;
    for (const character of text) {
      const bytes = this.encode(character);
      if (written + bytes.length > into.length) break;
      into.set(bytes, written);
      written += bytes.length;
      read += character.length;
    }
    return { read, written };
  }
}

/** Text that is not all ASCII. A lone surrogate becomes the replacement character. */
function encodeWide(string: string): Uint8Array {
  const bytes = new Uint8Array(string.length * 3);
  let at = 0;
  for (let index = 0; index < string.length; index++) {
    let code = string.charCodeAt(index);
    if (code >= 0xd800 && code <= 0xdfff) {
      const next = index + 1 < string.length ? string.charCodeAt(index + 1) : 0;
      if (code <= 0xdbff && next >= 0xdc00 && next <= 0xdfff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (next - 0xdc00);
        index += 1;
      } else {
        code = REPLACEMENT;
      }
    }
    at = put(bytes, at, code);
  }
  return bytes.slice(0, at);
}

function put(bytes: Uint8Array, start: number, code: number): number {
  let at = start;
  if (code < 0x80) {
    bytes[at++] = code;
    return at;
  }
  if (code < 0x800) {
    bytes[at++] = 0xc0 | (code >> 6);
  } else {
    if (code < 0x10000) {
      bytes[at++] = 0xe0 | (code >> 12);
    } else {
      bytes[at++] = 0xf0 | (code >> 18);
      bytes[at++] = 0x80 | ((code >> 12) & 0x3f);
    }
    bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
  }
  bytes[at++] = 0x80 | (code & 0x3f);
  return at;
}

export interface DecoderOptions {
  fatal?: boolean;
  ignoreBOM?: boolean;
}

export class TextDecoder {
  readonly encoding = 'utf-8';
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;

  constructor(label = 'utf-8', options: DecoderOptions = {}) {
    if (!/^(unicode-1-1-)?utf-?8$/i.test(label.trim())) {
      throw new RangeError(`The "${label}" encoding is not supported: a workflow decodes UTF-8`);
    }
    this.fatal = options.fatal ?? false;
    this.ignoreBOM = options.ignoreBOM ?? false;
  }

  decode(input?: ArrayBuffer | ArrayBufferView): string {
    const bytes = bytesOf(input);
    const start = !this.ignoreBOM && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
    const ascii = asciiText(bytes, start);
    return ascii ?? decodeWide(bytes, start, this.fatal);
  }
}

function bytesOf(input: ArrayBuffer | ArrayBufferView | undefined): Uint8Array {
  if (input === undefined) return new Uint8Array(0);
  if (input instanceof Uint8Array) return input;
  if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
  return new Uint8Array(input);
}

/** The bytes as text, if they are all ASCII. */
function asciiText(bytes: Uint8Array, start: number): string | undefined {
  for (let index = start; index < bytes.length; index++) {
    if (bytes[index]! > 0x7f) return undefined;
  }
  let text = '';
  for (let index = start; index < bytes.length; index += PIECE) {
    text += String.fromCharCode.apply(null, bytes.subarray(index, index + PIECE) as any);
  }
  return text;
}

function decodeWide(bytes: Uint8Array, start: number, fatal: boolean): string {
  let text = '';
  let units: number[] = [];
  let at = start;
  while (at < bytes.length) {
    const { code, length } = sequence(bytes, at);
    if (code < 0 && fatal) throw new TypeError('The encoded data was not valid for encoding utf-8');
    at += length;
    const value = code < 0 ? REPLACEMENT : code;
    if (value < 0x10000) units.push(value);
    else units.push(0xd800 + ((value - 0x10000) >> 10), 0xdc00 + ((value - 0x10000) & 0x3ff));
    if (units.length >= PIECE) {
      text += String.fromCharCode.apply(null, units);
      units = [];
    }
  }
  return text + String.fromCharCode.apply(null, units);
}

/** The character at a place; -1 for bytes that are none, of which `length` are passed over. */
function sequence(bytes: Uint8Array, at: number): { code: number; length: number } {
  const first = bytes[at]!;
  if (first < 0x80) return { code: first, length: 1 };
  if (first < 0xc2 || first > 0xf4) return { code: -1, length: 1 };
  const size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  let code = first & (0xff >> (size + 1));
  for (let index = 1; index < size; index++) {
    const next = bytes[at + index];
    const [least, most] = index === 1 ? secondByte(first) : [0x80, 0xbf];
    if (next === undefined || next < least || next > most) return { code: -1, length: index };
    code = (code << 6) | (next & 0x3f);
  }
  return { code, length: size };
}

/** What may follow a first byte, without overlong forms, surrogates and what is past the last. */
function secondByte(first: number): [number, number] {
  if (first === 0xe0) return [0xa0, 0xbf];
  if (first === 0xed) return [0x80, 0x9f];
  if (first === 0xf0) return [0x90, 0xbf];
  if (first === 0xf4) return [0x80, 0x8f];
  return [0x80, 0xbf];
}
