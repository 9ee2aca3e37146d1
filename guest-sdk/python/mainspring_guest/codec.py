"""Payload codecs (encryption, compression) on what comes in and what goes out.

The library's worker applies them outside of the workflow, by its native half; here a walk
over the messages finds the payloads. As there, search attributes and headers are left as
they are, since servers and interceptors read them.
"""

from temporalio.api.common.v1 import Payload

_PASSED_OVER = {"search_attributes", "headers"}
_PAYLOAD = Payload.DESCRIPTOR.full_name


async def decode(codec, activation) -> None:
    await _walk(codec.decode, activation)


async def encode(codec, completion) -> None:
    await _walk(codec.encode, completion)


async def _walk(change, message) -> None:
    for field, value in message.ListFields():
        if field.message_type is None or field.name in _PASSED_OVER:
            continue
        if field.message_type.GetOptions().map_entry:
            await _walk_map(change, field.message_type.fields_by_name["value"], value)
        elif field.message_type.full_name == _PAYLOAD:
            await _change(change, value, _is_repeated(field))
        else:
            for inner in value if _is_repeated(field) else [value]:
                await _walk(change, inner)


async def _walk_map(change, field, values) -> None:
    if field.message_type is None:
        return
    for key in sorted(values):
        if field.message_type.full_name == _PAYLOAD:
            await _change(change, values[key], False)
        else:
            await _walk(change, values[key])


async def _change(change, value, repeated: bool) -> None:
    if repeated:
        changed = await change(list(value))
        del value[:]
        value.extend(changed)
        return
    changed = await change([value])
    if len(changed) != 1:
        raise ValueError(f"the payload codec made {len(changed)} payloads of one")
    made = Payload()
    made.CopyFrom(changed[0])
    value.CopyFrom(made)


def _is_repeated(field) -> bool:
    repeated = getattr(field, "is_repeated", None)
    return field.label == field.LABEL_REPEATED if repeated is None else repeated
