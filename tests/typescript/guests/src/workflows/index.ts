// Everything that the component offers.

export * from './basics';
export * from './cancellation';
export * from './children';
export * from './failures';
export * from './messages';
export * from './properties';
export * from './stories';
export * from './torture';
export { default } from './dynamic';
