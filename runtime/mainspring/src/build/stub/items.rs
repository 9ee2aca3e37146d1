//! The items of a component's sections as bytes: most pass through as they are.

use std::ops::Range;

use wasm_encoder::{ComponentSection, ComponentSectionId, Encode, RawSection};
use wasmparser::{
    BinaryReader, ComponentExternName, ComponentExternalKind, ComponentInstance, FromReader,
    SectionLimited,
};

use super::{Outcome, text};

/// The items of a section, each with its own bytes.
pub(super) fn of<'a, T>(section: &'a [u8]) -> Vec<Outcome<(T, &'a [u8])>>
where
    T: FromReader<'a>,
{
    let reader = match SectionLimited::<T>::new(BinaryReader::new(section, 0)) {
        Ok(reader) => reader,
        Err(error) => return vec![Err(text(error))],
    };
    let mut items = Vec::new();
    for item in reader.into_iter_with_offsets() {
        match item {
            Ok((offset, item)) => items.push((offset, item)),
            Err(error) => return vec![Err(text(error))],
        }
    }
    let mut ends: Vec<usize> = items.iter().skip(1).map(|(offset, _)| *offset).collect();
    ends.push(section.len());
    items
        .into_iter()
        .zip(ends)
        .map(|((start, item), end)| Ok((item, &section[start..end])))
        .collect()
}

/// A section in the making.
pub(super) struct Items {
    id: ComponentSectionId,
    count: u32,
    bytes: Vec<u8>,
}

impl Items {
    pub(super) fn new(id: ComponentSectionId) -> Self {
        Self {
            id,
            count: 0,
            bytes: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, item: &[u8]) {
        self.bytes.extend_from_slice(item);
        self.count += 1;
    }

    pub(super) fn push_encoded(&mut self, item: &impl Encode) {
        item.encode(&mut self.bytes);
        self.count += 1;
    }

    /// Writes the section, if there is something in it, and begins another.
    pub(super) fn flush(&mut self, out: &mut Vec<u8>) {
        if self.count == 0 {
            return;
        }
        let mut data = leb(self.count);
        data.append(&mut self.bytes);
        RawSection {
            id: self.id.into(),
            data: &data,
        }
        .append_to_component(out);
        self.count = 0;
    }
}

pub(super) fn leb(number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    number.encode(&mut bytes);
    bytes
}

pub(super) fn number(bytes: &[u8]) -> Outcome<u32> {
    BinaryReader::new(bytes, 0).read_var_u32().map_err(text)
}

/// The item with another number at `at`.
pub(super) fn with_index(item: &[u8], at: usize, index: u32) -> Outcome<Vec<u8>> {
    let rest = item.get(at..).ok_or("an item of a section is cut off")?;
    let mut reader = BinaryReader::new(rest, 0);
    reader.read_var_u32().map_err(text)?;
    let mut patched = item[..at].to_vec();
    patched.extend(leb(index));
    patched.extend_from_slice(&rest[reader.current_position()..]);
    Ok(patched)
}

/// Where an export's number is.
pub(super) fn export_number(item: &[u8]) -> Outcome<usize> {
    let mut reader = BinaryReader::new(item, 0);
    reader.read::<ComponentExternName<'_>>().map_err(text)?;
    reader.read::<ComponentExternalKind>().map_err(text)?;
    Ok(reader.current_position())
}

/// Where an instance names functions, as places in its bytes.
pub(super) fn function_numbers(
    item: &[u8],
    instance: &ComponentInstance<'_>,
) -> Outcome<Vec<Range<usize>>> {
    let mut reader = BinaryReader::new(item, 0);
    let mut places = Vec::new();
    reader.read_u8().map_err(text)?;
    let is_made = matches!(instance, ComponentInstance::Instantiate { .. });
    if is_made {
        reader.read_var_u32().map_err(text)?;
    }
    for _ in 0..reader.read_var_u32().map_err(text)? {
        if is_made {
            reader.read_string().map_err(text)?;
        } else {
            reader.read::<ComponentExternName<'_>>().map_err(text)?;
        }
        let kind = reader.read::<ComponentExternalKind>().map_err(text)?;
        let start = reader.current_position();
        reader.read_var_u32().map_err(text)?;
        if kind == ComponentExternalKind::Func {
            places.push(start..reader.current_position());
        }
    }
    Ok(places)
}
