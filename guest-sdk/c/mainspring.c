/* The other half of mainspring.h: the contract's calls, the table of operations and the
 * loop that hears events. Freestanding: it needs no C library. */
#include "mainspring.h"

#include <stdarg.h>

/* ---- the contract ----------------------------------------------------------
 * Numbers and pairs (address, length) as the component model flattens them; what has more
 * than sixteen of them, and every answer of more than one, goes by address. */

#define IMPORT(interface, function)                                                     \
  __attribute__((import_module("mainspring:workflow/" interface "@1.0.0"),              \
                 import_name(function)))
#define EXPORT(function) __attribute__((export_name(function), used))

typedef struct { ms_handle handle; ms_outcome outcome; } resolution;
typedef struct { ms_handle handle; uint8_t tag; ms_text id; } start_notice;
typedef struct { ms_text id, name; ms_payloads arguments; ms_fields headers; } query;
typedef struct {
  ms_text id, name;
  ms_payloads input;
  ms_fields headers;
  ms_text identity;
  bool run_validator;
} update;

enum { RESOLVED, STARTED, SIGNAL, QUERY, UPDATE, CANCEL_REQUESTED, SEED_CHANGED };

typedef struct {
  uint8_t tag;
  union {
    resolution resolved;
    start_notice started;
    ms_signal signal;
    query query;
    update update;
    ms_text cancel_reason;
    uint64_t seed;
  } as;
} event;

typedef struct { bool some; event value; } optional_event;

/* An optional payload, flattened. */
#define FLAT_PAYLOAD uint32_t, const void *, size_t, const void *, size_t

IMPORT("activities", "start-activity") ms_handle host_start_activity(const ms_activity *);
IMPORT("timers", "start-timer") ms_handle host_start_timer(uint64_t, FLAT_PAYLOAD, FLAT_PAYLOAD);
IMPORT("cancellation", "cancel") void host_cancel(ms_handle, const char *, size_t);
IMPORT("children", "start-child-workflow") ms_handle host_start_child(const ms_child *);
IMPORT("external", "signal-workflow")
ms_handle host_signal(uint32_t, uint64_t, size_t, const char *, size_t, const char *, size_t,
                      const char *, size_t, const void *, size_t, const void *, size_t);
IMPORT("external", "cancel-workflow")
ms_handle host_cancel_workflow(const char *, size_t, const char *, size_t, const char *, size_t,
                               const char *, size_t);
IMPORT("properties", "upsert-search-attributes") void host_upsert_attributes(const void *, size_t);
IMPORT("properties", "upsert-memo") void host_upsert_memo(const void *, size_t);
IMPORT("properties", "set-current-details") void host_set_details(const char *, size_t);
IMPORT("queries", "answer-query")
void host_answer_query(const char *, size_t, uint32_t, const void *, size_t, const void *, size_t);
IMPORT("updates", "accept-update") void host_accept(const char *, size_t);
IMPORT("updates", "accept-unvalidated-update") void host_accept_unvalidated(const char *, size_t);
IMPORT("updates", "reject-update")
void host_reject(const char *, size_t, const void *, size_t);
IMPORT("updates", "complete-update")
void host_complete_update(const char *, size_t, uint32_t, const void *, size_t, const void *,
                          size_t);
IMPORT("continuation", "continue-as-new") void host_continue(const ms_successor *);
IMPORT("events", "next") void host_next(event *);
IMPORT("events", "take") void host_take(optional_event *);
IMPORT("clock", "now") int64_t host_now(void);
IMPORT("random", "next-u64") uint64_t host_random(void);
IMPORT("logging", "log") void host_log(uint32_t, const char *, size_t, const void *, size_t);
IMPORT("info", "run") void host_info(ms_info *);
IMPORT("info", "is-replaying") uint32_t host_is_replaying(void);

/* ---- memory ---------------------------------------------------------------- */

#define PAGE 65536u
#define KEEP __attribute__((weak))

extern unsigned char __heap_base;
static uintptr_t heap_next;

/* Compilers call these by name; a C library has better ones. */
KEEP void *memset(void *to, int byte, size_t length) {
  unsigned char *at = to;
  while (length--) *at++ = (unsigned char)byte;
  return to;
}
KEEP void *memcpy(void *restrict to, const void *restrict from, size_t length) {
  unsigned char *at = to;
  const unsigned char *source = from;
  while (length--) *at++ = *source++;
  return to;
}
KEEP void *memmove(void *to, const void *from, size_t length) {
  unsigned char *at = to;
  const unsigned char *source = from;
  if (at < source) {
    while (length--) *at++ = *source++;
  } else {
    while (length--) at[length] = source[length];
  }
  return to;
}
KEEP int memcmp(const void *a, const void *b, size_t length) {
  const unsigned char *x = a, *y = b;
  for (; length; length--, x++, y++)
    if (*x != *y) return *x - *y;
  return 0;
}
KEEP size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  return length;
}

/* Memory only grows; the run's end gives it back. */
static void *take_memory(size_t bytes, size_t alignment) {
  if (!heap_next) heap_next = (uintptr_t)&__heap_base;
  uintptr_t at = (heap_next + alignment - 1) & ~(uintptr_t)(alignment - 1);
  uintptr_t end = at + bytes;
  uintptr_t have = (uintptr_t)__builtin_wasm_memory_size(0) * PAGE;
  if (end < at) ms_panic(MS("the workflow asked for more memory than there is"));
  if (end > have) {
    size_t pages = (end - have + PAGE - 1) / PAGE;
    if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1)
      ms_panic(MS("the workflow's memory cannot grow any more"));
  }
  heap_next = end;
  return (void *)at;
}

void *ms_alloc(size_t bytes) { return memset(take_memory(bytes, 8), 0, bytes); }

EXPORT("cabi_realloc")
void *cabi_realloc(void *old, size_t old_bytes, size_t alignment, size_t bytes) {
  void *fresh = take_memory(bytes, alignment ? alignment : 1);
  if (old) memcpy(fresh, old, old_bytes < bytes ? old_bytes : bytes);
  return fresh;
}

/* ---- text ------------------------------------------------------------------ */

ms_text ms_text_of(const char *terminated) {
  return (ms_text){terminated, terminated ? strlen(terminated) : 0};
}

bool ms_same(ms_text a, ms_text b) {
  return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

ms_text ms_join(const char *first, ...) {
  va_list more;
  size_t length = 0;
  va_start(more, first);
  for (const char *part = first; part; part = va_arg(more, const char *)) length += strlen(part);
  va_end(more);
  char *bytes = ms_alloc(length + 1);
  size_t at = 0;
  va_start(more, first);
  for (const char *part = first; part; part = va_arg(more, const char *)) {
    size_t part_length = strlen(part);
    memcpy(bytes + at, part, part_length);
    at += part_length;
  }
  va_end(more);
  return (ms_text){bytes, length};
}

/* ---- JSON ------------------------------------------------------------------ */

ms_payload ms_json(ms_text json) {
  static const ms_metadata_entry encoding = {
      {"encoding", 8}, {(const uint8_t *)"json/plain", 10}};
  return (ms_payload){{&encoding, 1}, {(const uint8_t *)json.bytes, json.length}};
}

ms_payload ms_json_string(ms_text text) {
  static const char digits[] = "0123456789abcdef";
  /* A control character becomes six. */
  char *bytes = ms_alloc(6 * text.length + 2);
  size_t at = 0;
  bytes[at++] = '"';
  for (size_t i = 0; i < text.length; i++) {
    unsigned char c = (unsigned char)text.bytes[i];
    if (c == '"' || c == '\\') {
      bytes[at++] = '\\';
      bytes[at++] = (char)c;
    } else if (c < 0x20) {
      memcpy(bytes + at, "\\u00", 4);
      bytes[at + 4] = digits[c >> 4];
      bytes[at + 5] = digits[c & 15];
      at += 6;
    } else {
      bytes[at++] = (char)c;
    }
  }
  bytes[at++] = '"';
  return ms_json((ms_text){bytes, at});
}

ms_payload ms_json_integer(int64_t number) {
  char *bytes = ms_alloc(24);
  size_t at = 24;
  uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
  do {
    bytes[--at] = (char)('0' + left % 10);
    left /= 10;
  } while (left);
  if (number < 0) bytes[--at] = '-';
  return ms_json((ms_text){bytes + at, 24 - at});
}

ms_payloads ms_one(ms_payload payload) {
  ms_payload *items = ms_alloc(sizeof *items);
  items[0] = payload;
  return (ms_payloads){items, 1};
}

ms_payloads ms_two(ms_payload first, ms_payload second) {
  ms_payload *items = ms_alloc(2 * sizeof *items);
  items[0] = first;
  items[1] = second;
  return (ms_payloads){items, 2};
}

ms_payload ms_first(ms_payloads payloads) {
  return payloads.length ? payloads.items[0] : (ms_payload){0};
}

ms_text ms_data(ms_payload payload) {
  return (ms_text){(const char *)payload.data.bytes, payload.data.length};
}

static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

static size_t skip_space(ms_text json, size_t at) {
  while (at < json.length && is_space(json.bytes[at])) at++;
  return at;
}

/* The end of the string that begins at `at`. */
static size_t skip_string(ms_text json, size_t at) {
  for (at++; at < json.length; at++) {
    if (json.bytes[at] == '\\') at++;
    else if (json.bytes[at] == '"') return at + 1;
  }
  return json.length;
}

/* The end of the value that begins at `at`. */
static size_t skip_value(ms_text json, size_t at) {
  size_t depth = 0;
  while (at < json.length) {
    char c = json.bytes[at];
    if (c == '"') {
      at = skip_string(json, at);
    } else if (c == '{' || c == '[') {
      depth++;
      at++;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return at;
      depth--;
      at++;
    } else if (depth == 0 && (c == ',' || is_space(c))) {
      return at;
    } else {
      at++;
      continue;
    }
    if (depth == 0) return at;
  }
  return at;
}

ms_text ms_json_member(ms_text object, const char *name) {
  ms_text wanted = ms_text_of(name);
  size_t at = skip_space(object, 0);
  if (at >= object.length || object.bytes[at] != '{') return (ms_text){0};
  for (at++;;) {
    at = skip_space(object, at);
    if (at >= object.length || object.bytes[at] != '"') return (ms_text){0};
    size_t end = skip_string(object, at);
    ms_text quoted = {object.bytes + at, end - at}, key;
    bool found = ms_json_to_text(quoted, &key) && ms_same(key, wanted);
    at = skip_space(object, end);
    if (at >= object.length || object.bytes[at] != ':') return (ms_text){0};
    at = skip_space(object, at + 1);
    end = skip_value(object, at);
    if (found) return (ms_text){object.bytes + at, end - at};
    at = skip_space(object, end);
    if (at >= object.length || object.bytes[at] != ',') return (ms_text){0};
    at++;
  }
}

static bool read_hex(ms_text json, size_t at, uint32_t *code) {
  *code = 0;
  if (at + 4 > json.length) return false;
  for (size_t i = at; i < at + 4; i++) {
    char c = json.bytes[i];
    uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                     : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                            : 16;
    if (digit == 16) return false;
    *code = *code * 16 + digit;
  }
  return true;
}

static size_t write_utf8(char *to, uint32_t code) {
  if (code < 0x80) {
    to[0] = (char)code;
    return 1;
  }
  if (code < 0x800) {
    to[0] = (char)(0xc0 | code >> 6);
    to[1] = (char)(0x80 | (code & 63));
    return 2;
  }
  if (code < 0x10000) {
    to[0] = (char)(0xe0 | code >> 12);
    to[1] = (char)(0x80 | (code >> 6 & 63));
    to[2] = (char)(0x80 | (code & 63));
    return 3;
  }
  to[0] = (char)(0xf0 | code >> 18);
  to[1] = (char)(0x80 | (code >> 12 & 63));
  to[2] = (char)(0x80 | (code >> 6 & 63));
  to[3] = (char)(0x80 | (code & 63));
  return 4;
}

/* Reads what follows a backslash at `at`; gives the place behind it, 0 where it is wrong. */
static size_t read_escape(ms_text json, size_t at, char *to, size_t *written) {
  static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
  for (size_t i = 0; i < sizeof from - 1; i++)
    if (json.bytes[at] == from[i]) {
      to[0] = into[i];
      *written = 1;
      return at + 1;
    }
  uint32_t code, low;
  if (json.bytes[at] != 'u' || !read_hex(json, at + 1, &code)) return 0;
  at += 5;
  bool pair = code >= 0xd800 && code < 0xdc00 && at + 1 < json.length && json.bytes[at] == '\\' &&
              json.bytes[at + 1] == 'u' && read_hex(json, at + 2, &low) && low >= 0xdc00 &&
              low < 0xe000;
  if (pair) {
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    at += 6;
  } else if (code >= 0xd800 && code < 0xe000) {
    return 0; /* half of a pair is no character */
  }
  *written = write_utf8(to, code);
  return at;
}

bool ms_json_to_text(ms_text json, ms_text *text) {
  size_t at = skip_space(json, 0);
  if (at >= json.length || json.bytes[at] != '"') return false;
  char *bytes = ms_alloc(json.length);
  size_t length = 0;
  for (at++; at < json.length;) {
    char c = json.bytes[at++];
    if (c == '"') {
      *text = (ms_text){bytes, length};
      return skip_space(json, at) == json.length;
    }
    if (c != '\\') {
      bytes[length++] = c;
      continue;
    }
    size_t written = 0;
    if (at >= json.length || !(at = read_escape(json, at, bytes + length, &written))) return false;
    length += written;
  }
  return false;
}

bool ms_json_to_integer(ms_text json, int64_t *number) {
  size_t at = skip_space(json, 0);
  bool negative = at < json.length && json.bytes[at] == '-';
  uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX, value = 0;
  at += negative;
  if (at >= json.length) return false;
  for (; at < json.length && json.bytes[at] >= '0' && json.bytes[at] <= '9'; at++) {
    uint64_t digit = (uint64_t)(json.bytes[at] - '0');
    if (value > (limit - digit) / 10) return false;
    value = value * 10 + digit;
  }
  char last = json.bytes[at - 1];
  if (last < '0' || last > '9' || skip_space(json, at) != json.length) return false;
  *number = negative ? (int64_t)(0 - value) : (int64_t)value;
  return true;
}

/* ---- failures --------------------------------------------------------------- */

ms_failure ms_fail(ms_text error_type, ms_text message) {
  ms_failure_node *node = ms_alloc(sizeof *node);
  node->message = message;
  node->source = MS("CSDK");
  node->kind.tag = MS_APPLICATION_FAILURE;
  node->kind.as.application.error_type = error_type;
  return (ms_failure){node, 1};
}

ms_text ms_error_type(ms_failure failure) {
  for (size_t i = 0; i < failure.length; i++)
    if (failure.nodes[i].kind.tag == MS_APPLICATION_FAILURE)
      return failure.nodes[i].kind.as.application.error_type;
  return (ms_text){0};
}

/* ---- starting ---------------------------------------------------------------- */

#define NO_PAYLOAD 0, NULL, 0, NULL, 0

ms_handle ms_start_activity(const ms_activity *activity) { return host_start_activity(activity); }
ms_handle ms_start_timer(uint64_t nanos) { return host_start_timer(nanos, NO_PAYLOAD, NO_PAYLOAD); }
ms_handle ms_start_child(const ms_child *child) { return host_start_child(child); }

ms_handle ms_signal_workflow(ms_execution to, ms_text name, ms_payloads input) {
  return host_signal(0, (uintptr_t)to.namespace_.bytes, to.namespace_.length,
                     to.workflow_id.bytes, to.workflow_id.length, to.run_id.bytes,
                     to.run_id.length, name.bytes, name.length, input.items, input.length, NULL,
                     0);
}

ms_handle ms_signal_child(ms_handle child, ms_text name, ms_payloads input) {
  return host_signal(1, child, 0, NULL, 0, NULL, 0, name.bytes, name.length, input.items,
                     input.length, NULL, 0);
}

ms_handle ms_cancel_workflow(ms_execution to, ms_text reason) {
  return host_cancel_workflow(to.namespace_.bytes, to.namespace_.length, to.workflow_id.bytes,
                              to.workflow_id.length, to.run_id.bytes, to.run_id.length,
                              reason.bytes, reason.length);
}

void ms_cancel(ms_handle operation, ms_text reason) {
  host_cancel(operation, reason.bytes, reason.length);
}

/* ---- operations and handlers ---------------------------------------------------- */

/* What is known of an operation that was waited for or has its outcome. */
typedef struct {
  ms_handle handle; /* 0: free */
  bool resolved;
  ms_outcome outcome;
  ms_resolved_fn on_resolved;
  ms_started_fn on_started;
  void *resolved_data, *started_data;
} operation;

/* By handle: open addressing, at most half full. */
static operation *operations;
static size_t operations_size, operations_used;

static operation *slot_of(operation *table, size_t size, ms_handle handle) {
  size_t at = (size_t)(handle * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (size - 1);
  while (table[at].handle && table[at].handle != handle) at = (at + 1) & (size - 1);
  return &table[at];
}

static operation *operation_of(ms_handle handle) {
  if (2 * (operations_used + 1) > operations_size) {
    size_t size = operations_size ? 2 * operations_size : 64;
    operation *table = ms_alloc(size * sizeof *table);
    for (size_t i = 0; i < operations_size; i++)
      if (operations[i].handle) *slot_of(table, size, operations[i].handle) = operations[i];
    operations = table;
    operations_size = size;
  }
  operation *found = slot_of(operations, operations_size, handle);
  if (!found->handle) {
    found->handle = handle;
    operations_used++;
  }
  return found;
}

enum handler_kind { ON_SIGNAL, ON_QUERY, ON_UPDATE };

typedef struct handler {
  struct handler *next;
  enum handler_kind kind;
  ms_text name;
  union { ms_signal_fn signal; ms_query_fn query; ms_update_fn update; } as;
  ms_validator_fn validator;
  void *data;
} handler;

/* Signals without a handler. */
typedef struct waiting_signal {
  struct waiting_signal *next;
  ms_signal signal;
} waiting_signal;

static handler *handlers;
static waiting_signal *first_signal, **last_signal = &first_signal;
static ms_cancel_fn cancel_handler;
static void *cancel_data;
static bool cancel_heard;

static handler *handler_of(enum handler_kind kind, ms_text name) {
  for (handler *at = handlers; at; at = at->next)
    if (at->kind == kind && ms_same(at->name, name)) return at;
  return NULL;
}

static handler *add_handler(enum handler_kind kind, const char *name, void *data) {
  handler *added = handler_of(kind, ms_text_of(name));
  if (!added) {
    added = ms_alloc(sizeof *added);
    added->next = handlers;
    added->kind = kind;
    added->name = ms_text_of(name);
    handlers = added;
  }
  added->data = data;
  return added;
}

void ms_on_signal(const char *name, ms_signal_fn call, void *data) {
  add_handler(ON_SIGNAL, name, data)->as.signal = call;
  ms_signal waiting;
  while (ms_take_signal(name, &waiting)) call(&waiting, data);
}

void ms_on_query(const char *name, ms_query_fn call, void *data) {
  add_handler(ON_QUERY, name, data)->as.query = call;
}

void ms_on_update(const char *name, ms_validator_fn validator, ms_update_fn call, void *data) {
  handler *added = add_handler(ON_UPDATE, name, data);
  added->as.update = call;
  added->validator = validator;
}

void ms_on_cancel(ms_cancel_fn call, void *data) {
  cancel_handler = call;
  cancel_data = data;
}

void ms_on_resolved(ms_handle handle, ms_resolved_fn call, void *data) {
  operation *of = operation_of(handle);
  of->on_resolved = call;
  of->resolved_data = data;
  if (of->resolved) call(handle, &of->outcome, data);
}

void ms_on_started(ms_handle handle, ms_started_fn call, void *data) {
  operation *of = operation_of(handle);
  of->on_started = call;
  of->started_data = data;
}

/* ---- hearing ---------------------------------------------------------------------- */

ms_answer ms_answer_with(ms_payload value) {
  ms_answer answer = {0};
  answer.as.value = value;
  return answer;
}

ms_answer ms_refuse_with(ms_failure failure) {
  ms_answer answer = {0};
  answer.failed = 1;
  answer.as.failure = failure;
  return answer;
}

/* An answer's four numbers: those of a payload, or two of a failure. */
#define FLAT_ANSWER(answer)                                                              \
  (answer).failed,                                                                       \
      (answer).failed ? (const void *)(answer).as.failure.nodes                          \
                      : (const void *)(answer).as.value.metadata.items,                  \
      (answer).failed ? (answer).as.failure.length : (answer).as.value.metadata.length,  \
      (answer).failed ? NULL : (const void *)(answer).as.value.data.bytes,               \
      (answer).failed ? 0 : (answer).as.value.data.length

static void hear_query(const query *asked) {
  handler *with = handler_of(ON_QUERY, asked->name);
  ms_answer answer =
      with ? with->as.query(asked->arguments, with->data)
           : ms_refuse_with(ms_fail(MS("UnknownQuery"), MS("the workflow has no such query")));
  host_answer_query(asked->id.bytes, asked->id.length, FLAT_ANSWER(answer));
}

void ms_complete_update(ms_text id, ms_answer outcome) {
  host_complete_update(id.bytes, id.length, FLAT_ANSWER(outcome));
}

static void hear_update(const update *asked) {
  handler *with = handler_of(ON_UPDATE, asked->name);
  if (!with) {
    ms_failure none = ms_fail(MS("UnknownUpdate"), MS("the workflow has no such update"));
    host_reject(asked->id.bytes, asked->id.length, none.nodes, none.length);
    return;
  }
  if (with->validator && asked->run_validator) {
    ms_answer verdict = with->validator(asked->input, with->data);
    if (verdict.failed) {
      host_reject(asked->id.bytes, asked->id.length, verdict.as.failure.nodes,
                  verdict.as.failure.length);
      return;
    }
    host_accept(asked->id.bytes, asked->id.length);
  } else {
    host_accept_unvalidated(asked->id.bytes, asked->id.length);
  }
  ms_update_result result = with->as.update(asked->id, asked->input, with->data);
  if (result.done) ms_complete_update(asked->id, result.answer);
}

static void hear_signal(const ms_signal *signal) {
  handler *with = handler_of(ON_SIGNAL, signal->name);
  if (with) {
    with->as.signal(signal, with->data);
    return;
  }
  waiting_signal *kept = ms_alloc(sizeof *kept);
  kept->signal = *signal;
  *last_signal = kept;
  last_signal = &kept->next;
}

static void hear(const event *heard) {
  operation *of;
  switch (heard->tag) {
    case RESOLVED:
      of = operation_of(heard->as.resolved.handle);
      of->resolved = true;
      of->outcome = heard->as.resolved.outcome;
      if (of->on_resolved) of->on_resolved(of->handle, &of->outcome, of->resolved_data);
      return;
    case STARTED:
      of = operation_of(heard->as.started.handle);
      if (of->on_started) of->on_started(of->handle, heard->as.started.id, of->started_data);
      return;
    case SIGNAL: hear_signal(&heard->as.signal); return;
    case QUERY: hear_query(&heard->as.query); return;
    case UPDATE: hear_update(&heard->as.update); return;
    case CANCEL_REQUESTED:
      cancel_heard = true;
      if (cancel_handler) cancel_handler(heard->as.cancel_reason, cancel_data);
      return;
    default: return; /* a new seed: ms_random has it already */
  }
}

void ms_step(void) {
  event *heard = ms_alloc(sizeof *heard);
  host_next(heard);
  hear(heard);
}

/* What is in the batch already, before the program reads its input or ends. */
static void take_all(void) {
  for (;;) {
    optional_event *taken = ms_alloc(sizeof *taken);
    host_take(taken);
    if (!taken->some) return;
    hear(&taken->value);
  }
}

void ms_run_until(const bool *done) {
  while (!*(volatile const bool *)done) ms_step();
}

bool ms_resolved(ms_handle handle, ms_outcome *outcome) {
  operation *of = operation_of(handle);
  if (of->resolved && outcome) *outcome = of->outcome;
  return of->resolved;
}

ms_outcome ms_wait(ms_handle handle) {
  ms_outcome outcome = {0};
  while (!ms_resolved(handle, &outcome)) ms_step();
  return outcome;
}

size_t ms_wait_any(const ms_handle *handles, size_t count) {
  if (count == 0) ms_panic(MS("ms_wait_any waits for one of no operations"));
  for (;;) {
    for (size_t i = 0; i < count; i++)
      if (ms_resolved(handles[i], NULL)) return i;
    ms_step();
  }
}

bool ms_take_signal(const char *name, ms_signal *signal) {
  ms_text wanted = ms_text_of(name);
  for (waiting_signal **at = &first_signal; *at; at = &(*at)->next) {
    waiting_signal *found = *at;
    if (!ms_same(found->signal.name, wanted)) continue;
    *signal = found->signal;
    *at = found->next;
    if (last_signal == &found->next) last_signal = at;
    return true;
  }
  return false;
}

ms_signal ms_wait_signal(const char *name) {
  ms_signal signal;
  while (!ms_take_signal(name, &signal)) ms_step();
  return signal;
}

bool ms_cancel_requested(void) { return cancel_heard; }
void ms_sleep(uint64_t nanos) { ms_wait(ms_start_timer(nanos)); }

/* ---- the run --------------------------------------------------------------------------- */

const ms_info *ms_run_info(void) {
  static ms_info *info;
  if (!info) {
    info = ms_alloc(sizeof *info);
    host_info(info);
  }
  return info;
}

int64_t ms_now(void) { return host_now(); }
uint64_t ms_random(void) { return host_random(); }
bool ms_is_replaying(void) { return host_is_replaying() != 0; }

void ms_log(enum ms_level level, ms_text message) {
  host_log((uint32_t)level, message.bytes, message.length, NULL, 0);
}

_Noreturn void ms_panic(ms_text message) {
  ms_log(MS_ERROR, message);
  __builtin_trap();
}

void ms_upsert_search_attributes(const ms_change *changes, size_t count) {
  host_upsert_attributes(changes, count);
}
void ms_upsert_memo(const ms_change *changes, size_t count) { host_upsert_memo(changes, count); }
void ms_set_current_details(ms_text details) { host_set_details(details.bytes, details.length); }

ms_end ms_complete_with(ms_payloads result) {
  ms_end end = {0};
  end.as.result = result;
  return end;
}
ms_end ms_complete(ms_payload result) { return ms_complete_with(ms_one(result)); }
ms_end ms_end_failed(ms_failure failure) {
  ms_end end = {0};
  end.tag = MS_END_FAILED;
  end.as.failure = failure;
  return end;
}
ms_end ms_end_cancelled(void) {
  ms_end end = {0};
  end.tag = MS_END_CANCELLED;
  return end;
}
ms_end ms_continue_as_new(const ms_successor *successor) {
  ms_end end = {0};
  end.tag = MS_END_CONTINUED;
  host_continue(successor);
  return end;
}

/* ---- what the program is ------------------------------------------------------------------ */

typedef struct {
  ms_text name, description;
  ms_optional_text input_schema, output_schema;
} described_handler;
typedef struct { described_handler *items; size_t length; } described_handlers;
typedef struct {
  ms_text workflow_type, description;
  ms_optional_text input_schema, output_schema;
  described_handlers signals, queries, updates;
  uint8_t versioning, reads;
} definition;
typedef struct {
  struct { definition *items; size_t length; } workflows;
  ms_text sdk_name, sdk_version, language;
} component_description;

static definition *definitions;
static ms_workflow_fn *functions;
static size_t defined, defined_room;

/* A list with room for one more. */
static void *grown(void *items, size_t length, size_t *room, size_t size) {
  if (length < *room) return items;
  *room = *room ? 2 * *room : 8;
  void *more = ms_alloc(*room * size);
  return length ? memcpy(more, items, length * size) : more;
}

void ms_workflow(const char *type, ms_workflow_fn run, const char *description) {
  size_t room = defined_room;
  definitions = grown(definitions, defined, &defined_room, sizeof *definitions);
  functions = grown(functions, defined, &room, sizeof *functions);
  definition *added = &definitions[defined];
  *added = (definition){0};
  added->workflow_type = ms_text_of(type);
  added->description = ms_text_of(description);
  functions[defined++] = run;
}

static void add_described(described_handlers *to, const char *name, const char *description) {
  described_handler *items = ms_alloc((to->length + 1) * sizeof *items);
  if (to->length) memcpy(items, to->items, to->length * sizeof *items);
  items[to->length] = (described_handler){ms_text_of(name), ms_text_of(description), {0}, {0}};
  to->items = items;
  to->length++;
}

static definition *last_defined(void) {
  if (!defined) ms_panic(MS("ms_workflows describes a handler before its first ms_workflow"));
  return &definitions[defined - 1];
}

void ms_handles_signal(const char *name, const char *description) {
  add_described(&last_defined()->signals, name, description);
}
void ms_handles_query(const char *name, const char *description) {
  add_described(&last_defined()->queries, name, description);
}
void ms_handles_update(const char *name, const char *description) {
  add_described(&last_defined()->updates, name, description);
}

EXPORT("describe") component_description *ms_export_describe(void) {
  ms_workflows();
  component_description *all = ms_alloc(sizeof *all);
  all->workflows.items = definitions;
  all->workflows.length = defined;
  all->sdk_name = MS("mainspring-c");
  all->sdk_version = MS("0.1.0");
  all->language = MS("c");
  return all;
}

EXPORT("run")
ms_end *ms_export_run(const char *type, size_t length, const ms_payload *input, size_t count) {
  ms_end *end = ms_alloc(sizeof *end);
  ms_workflows();
  for (size_t i = 0; i < defined; i++) {
    if (!ms_same(definitions[i].workflow_type, (ms_text){type, length})) continue;
    *end = functions[i]((ms_payloads){input, count});
    take_all();
    return end;
  }
  ms_panic(MS("the component has no workflow of this type"));
}

EXPORT("answer-queries") void ms_export_answer_queries(void) { take_all(); }
