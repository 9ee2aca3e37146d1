// What the workflow says: `log`, sinks and `console`, all to the host's log, which is
// silent in replay.

import logging, { type Level } from 'mainspring:workflow/logging@1.0.0';

import { userFrames } from './source-map.js';

/** The sinks of the library's own logger, in every version. */
const LOGGERS = new Set(['__temporal_logger', 'defaultWorkerLogger']);
/** Each workflow has these; the host's log says them by itself. */
const STANDARD = new Set(['namespace', 'taskQueue', 'workflowId', 'runId', 'workflowType', 'sdkComponent']);
const METRICS = '__temporal_metrics';
const LEVELS: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error'];

export interface SinkCall {
  ifaceName: string;
  fnName: string;
  args: unknown[];
  workflowInfo?: { unsafe?: { isReplaying?: boolean; isReplayingHistoryEvents?: boolean } };
}

export function show(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return describeError(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return JSON.stringify(value, (_key, one) => (typeof one === 'bigint' ? `${one}` : one)) ?? String(value);
  } catch {
    return String(value);
  }
}

/** An error with its class, its message and, if it is known, its place. */
export function describeError(error: Error): string {
  const at = placeOf(error);
  return `${error.name}: ${error.message}${at === undefined ? '' : ` (at ${at})`}`;
}

/** Where the user's code was when the error was made. */
export function placeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || typeof error.stack !== 'string') return undefined;
  const [frame] = userFrames(error.stack);
  return frame === undefined ? undefined : `${frame.file}:${frame.line}:${frame.column}`;
}

function fieldsOf(attributes: unknown): [string, string][] {
  if (typeof attributes !== 'object' || attributes === null) return [];
  const fields: [string, string][] = [];
  for (const [key, value] of Object.entries(attributes)) {
    if (!STANDARD.has(key) && value !== undefined) fields.push([key, show(value)]);
  }
  return fields;
}

function say(level: Level, message: string, fields: [string, string][] = []): void {
  // The host keeps the last error as the reason of a trap: that is for `lastWords`.
  logging.log(level, message, fields);
}

/** Passes on what the library and the workflow said to sinks in this activation. */
export function emit(calls: readonly SinkCall[]): void {
  for (const { ifaceName, fnName, args, workflowInfo } of calls) {
    const unsafe = workflowInfo?.unsafe;
    if (unsafe?.isReplayingHistoryEvents ?? unsafe?.isReplaying) continue;
    if (ifaceName === METRICS) continue;
    if (LOGGERS.has(ifaceName)) {
      const level = (LEVELS.includes(fnName) ? fnName : 'info') as Level;
      say(level, show(args[0]), fieldsOf(args[1]));
    } else {
      say('info', `sink ${ifaceName}.${fnName}`, args.map((value, index) => [`${index}`, show(value)]));
    }
  }
}

/** Why the activation cannot go on; the trap that follows is told in these words. */
export function lastWords(error: unknown): void {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : show(error);
  const at = placeOf(error);
  logging.log('error', message, at === undefined ? [] : [['panic', at]]);
}

const CONSOLE: Record<string, Level> = {
  log: 'info',
  info: 'info',
  debug: 'debug',
  trace: 'trace',
  warn: 'warn',
  error: 'error',
};

export const consoleModule = Object.fromEntries(
  Object.entries(CONSOLE).map(([name, level]) => [
    name,
    (...values: unknown[]): void => say(level, values.map(show).join(' ')),
  ]),
);
