// Marks the failures that it has made.

import { DefaultFailureConverter, type PayloadConverter, type ProtoFailure } from '@temporalio/common';

class MarkingConverter extends DefaultFailureConverter {
  override errorToFailure(error: unknown, converter: PayloadConverter): ProtoFailure {
    const failure = super.errorToFailure(error, converter);
    return { ...failure, message: `marked: ${failure.message}` };
  }
}

export const failureConverter = new MarkingConverter();
