//! Fewer data segments. Compilers write one for each constant, and a snapshot leaves an
//! empty one behind for each of them: a module may have 100,000 altogether.

use wasm_encoder::{ConstExpr, DataSection, Module, RawSection, SectionId};
use wasmparser::{BinaryReader, BinaryReaderError, DataKind, DataSectionReader, Operator, Parser};

/// Zeros between two segments that cost no more than another segment does.
const GAP: u64 = 16;

/// Data of the memory, from an address on.
struct Segment {
    at: u64,
    bytes: Vec<u8>,
}

/// The same module with segments that nearly touch joined, and empty ones left out. Where
/// the code names segments, or they don't lie in the plain order of addresses, nothing is
/// changed.
pub(super) fn join(module: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut joined = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        let Some((id, range)) = payload.as_section() else {
            continue;
        };
        let data = &module[range];
        if id == u8::from(SectionId::DataCount) {
            continue;
        }
        if id == u8::from(SectionId::Data) {
            match segments(data)? {
                Some(segments) => joined.section(&section(fewer(segments))),
                None => return Ok(module.to_vec()),
            };
            continue;
        }
        joined.section(&RawSection { id, data });
    }
    Ok(joined.finish())
}

/// The segments by address; `None` where they cannot be joined.
fn segments(section: &[u8]) -> Result<Option<Vec<Segment>>, BinaryReaderError> {
    let mut segments: Vec<Segment> = Vec::new();
    for data in DataSectionReader::new(BinaryReader::new(section, 0))? {
        let data = data?;
        match data.kind {
            DataKind::Passive if data.data.is_empty() => {}
            DataKind::Passive => return Ok(None),
            DataKind::Active {
                memory_index: 0,
                offset_expr,
            } => {
                let mut operators = offset_expr.get_operators_reader();
                let Operator::I32Const { value } = operators.read()? else {
                    return Ok(None);
                };
                if !matches!(operators.read()?, Operator::End) {
                    return Ok(None);
                }
                segments.push(Segment {
                    at: u64::from(value.cast_unsigned()),
                    bytes: data.data.to_vec(),
                });
            }
            DataKind::Active { .. } => return Ok(None),
        }
    }
    segments.sort_by_key(|segment| segment.at);
    let overlap = segments
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a.end() > b.at));
    Ok((!overlap).then_some(segments))
}

fn fewer(segments: Vec<Segment>) -> Vec<Segment> {
    let mut fewer: Vec<Segment> = Vec::new();
    for segment in segments {
        match fewer.last_mut() {
            Some(last) if segment.at - last.end() < GAP => {
                let zeros = (segment.at - last.at) as usize;
                last.bytes.resize(zeros, 0);
                last.bytes.extend(segment.bytes);
            }
            _ => fewer.push(segment),
        }
    }
    fewer
}

fn section(segments: Vec<Segment>) -> DataSection {
    let mut section = DataSection::new();
    for Segment { at, bytes } in segments {
        let at = ConstExpr::i32_const((at as u32).cast_signed());
        section.active(0, &at, bytes);
    }
    section
}

impl Segment {
    fn end(&self) -> u64 {
        self.at + self.bytes.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(text: &str) -> Vec<(u64, Vec<u8>)> {
        let module = join(&wat::parse_str(text).unwrap()).unwrap();
        let mut found = Vec::new();
        for payload in Parser::new(0).parse_all(&module) {
            let payload = payload.unwrap();
            if let Some((11, range)) = payload.as_section() {
                let segments = segments(&module[range]).unwrap().unwrap();
                found.extend(
                    segments
                        .into_iter()
                        .map(|segment| (segment.at, segment.bytes)),
                );
            }
        }
        found
    }

    #[test]
    fn what_nearly_touches_is_joined() {
        let module = r#"(module (memory 1)
            (data (i32.const 100) "c") (data (i32.const 0) "a") (data (i32.const 3) "b")
            (data ""))"#;
        assert_eq!(
            joined(module),
            [(0, b"a\0\0b".to_vec()), (100, b"c".to_vec())]
        );
    }

    #[test]
    fn segments_that_the_code_names_stay() {
        let module = wat::parse_str(
            r#"(module (memory 1) (data (i32.const 0) "a") (data $x "b")
                (func (memory.init $x (i32.const 0) (i32.const 0) (i32.const 1))))"#,
        )
        .unwrap();
        assert_eq!(join(&module).unwrap(), module);
    }
}
