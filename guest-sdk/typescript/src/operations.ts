// Which handle of the host is which sequence number of the library, and back.
//
// The library numbers each kind of operation by itself (an activity 1 and a timer 1),
// the host numbers all of them together.

export type Kind = 'activity' | 'timer' | 'child' | 'signal' | 'cancel';

export interface Operation {
  readonly kind: Kind;
  readonly seq: number;
  /** A child's: what the library asks for where it did not start. */
  readonly workflowId?: string;
  readonly workflowType?: string;
  started?: boolean;
}

export class Operations {
  private readonly byHandle = new Map<number, Operation>();
  private readonly handles = new Map<string, number>();
  private readonly children = new Map<string, number>();

  add(handle: number, operation: Operation): void {
    this.byHandle.set(handle, operation);
    this.handles.set(key(operation.kind, operation.seq), handle);
    if (operation.workflowId !== undefined) this.children.set(operation.workflowId, handle);
  }

  /** The operation, while it is open. */
  get(handle: number): Operation | undefined {
    return this.byHandle.get(handle);
  }

  handleOf(kind: Kind, seq: number): number | undefined {
    return this.handles.get(key(kind, seq));
  }

  /** The latest child with this workflow ID, closed or not. */
  childHandle(workflowId: string): number | undefined {
    return this.children.get(workflowId);
  }

  /** It is answered for good. */
  close(handle: number): Operation | undefined {
    const operation = this.byHandle.get(handle);
    if (operation === undefined) return undefined;
    this.byHandle.delete(handle);
    this.handles.delete(key(operation.kind, operation.seq));
    return operation;
  }
}

function key(kind: Kind, seq: number): string {
  return kind + seq;
}
