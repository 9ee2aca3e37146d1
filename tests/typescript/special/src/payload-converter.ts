// Big integers as a kind of payload of their own.

import {
  CompositePayloadConverter,
  JsonPayloadConverter,
  UndefinedPayloadConverter,
  type Payload,
  type PayloadConverterWithEncoding,
} from '@temporalio/common';
import { decode, encode } from '@temporalio/common/lib/encoding';

class BigIntConverter implements PayloadConverterWithEncoding {
  readonly encodingType = 'text/bigint';

  toPayload(value: unknown): Payload | undefined {
    if (typeof value !== 'bigint') return undefined;
    return { metadata: { encoding: encode(this.encodingType) }, data: encode(value.toString()) };
  }

  fromPayload<T>(content: Payload): T {
    return BigInt(decode(content.data ?? new Uint8Array())) as T;
  }
}

export const payloadConverter = new CompositePayloadConverter(
  new UndefinedPayloadConverter(),
  new BigIntConverter(),
  new JsonPayloadConverter(),
);
