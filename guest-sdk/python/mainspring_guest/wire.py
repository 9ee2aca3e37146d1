"""Values between the contract and the library's protobuf messages."""

from datetime import datetime, timedelta, timezone

from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import Payload, Payloads, Priority, RetryPolicy
from temporalio.api.sdk.v1 import UserMetadata
from wit_world.imports import types as wit

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def payload_in(value) -> Payload:
    return Payload(metadata=dict(value.metadata), data=value.data)


def payload_out(value: Payload):
    return wit.Payload(metadata=sorted(value.metadata.items()), data=value.data)


def payloads_in(values) -> list[Payload]:
    return [payload_in(value) for value in values]


def payloads_out(values) -> list:
    return [payload_out(value) for value in values]


def payloads_message(values) -> Payloads:
    return Payloads(payloads=payloads_in(values))


def map_in(pairs) -> dict[str, Payload]:
    return {name: payload_in(value) for name, value in pairs}


def map_out(fields) -> list:
    return [(name, payload_out(fields[name])) for name in sorted(fields)]


def changes_out(fields) -> list:
    """Like `map_out`, where a value that means nothing removes the key."""
    return [
        (name, None if is_nothing(fields[name]) else payload_out(fields[name]))
        for name in sorted(fields)
    ]


def is_nothing(value: Payload) -> bool:
    """Whether a payload is the library's way to say that a key has no value."""
    return value.metadata.get("encoding") == b"binary/null" or value.data in (b"[]", b"null")


def time_in(nanoseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=nanoseconds // 1_000)


def length_in(nanoseconds: int | None) -> timedelta | None:
    if nanoseconds is None:
        return None
    return timedelta(microseconds=nanoseconds // 1_000)


def duration_in(nanoseconds: int) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(nanoseconds)
    return duration


def duration_out(message, field: str) -> int | None:
    """The nanoseconds of a duration field, `None` where it is not set."""
    if not message.HasField(field):
        return None
    return max(getattr(message, field).ToNanoseconds(), 0)


def retry_policy_in(policy) -> RetryPolicy:
    message = RetryPolicy(
        backoff_coefficient=policy.backoff_coefficient or 0.0,
        maximum_attempts=policy.maximum_attempts or 0,
        non_retryable_error_types=policy.non_retryable_error_types,
    )
    if policy.initial_interval is not None:
        message.initial_interval.FromNanoseconds(policy.initial_interval)
    if policy.maximum_interval is not None:
        message.maximum_interval.FromNanoseconds(policy.maximum_interval)
    return message


def retry_policy_out(message):
    """The retry policy of a command, `None` where it has none."""
    if not message.HasField("retry_policy"):
        return None
    policy = message.retry_policy
    return wit.RetryPolicy(
        initial_interval=duration_out(policy, "initial_interval"),
        backoff_coefficient=policy.backoff_coefficient or None,
        maximum_interval=duration_out(policy, "maximum_interval"),
        maximum_attempts=policy.maximum_attempts,
        non_retryable_error_types=list(policy.non_retryable_error_types),
    )


def priority_in(priority) -> Priority:
    return Priority(
        priority_key=priority.key,
        fairness_key=priority.fairness_key,
        fairness_weight=priority.fairness_weight,
    )


def priority_out(message):
    """The priority of a command, `None` where it is the default or unknown to the library."""
    if "priority" not in message.DESCRIPTOR.fields_by_name or not message.HasField("priority"):
        return None
    value = message.priority
    key = value.priority_key
    fairness_key = getattr(value, "fairness_key", "")
    fairness_weight = getattr(value, "fairness_weight", 0.0)
    if not (key or fairness_key or fairness_weight):
        return None
    return wit.Priority(key=key, fairness_key=fairness_key, fairness_weight=fairness_weight)


def metadata_out(command):
    """What people read about an operation."""
    summary = details = None
    if command.HasField("user_metadata"):
        metadata: UserMetadata = command.user_metadata
        summary = payload_out(metadata.summary) if metadata.HasField("summary") else None
        details = payload_out(metadata.details) if metadata.HasField("details") else None
    return wit.UserMetadata(summary=summary, details=details)
