//! Random values, equal in replay (WF-05). Not for cryptography.

use crate::host;

/// The most bytes that one host call gives.
const BYTES_PER_CALL: usize = 65_536;

mod sealed {
    pub trait Sealed {}
}

/// Types that [`random`](crate::BaseWorkflowContext::random) can draw: integers
/// over their whole range, `bool`, and floats in `0.0..1.0`.
pub trait WorkflowRandomValue: sealed::Sealed + Sized {
    #[doc(hidden)]
    fn draw() -> Self;
}

macro_rules! integers {
    ($($integer:ty),+) => {$(
        impl sealed::Sealed for $integer {}
        impl WorkflowRandomValue for $integer {
            // Narrower integers take the low bits; each draw costs one u64, so
            // changing the type drawn does not shift later draws.
            #[allow(trivial_numeric_casts, clippy::cast_possible_truncation)]
            fn draw() -> Self {
                host::random_u64() as $integer
            }
        }
    )+};
}

integers!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

impl sealed::Sealed for bool {}
impl WorkflowRandomValue for bool {
    fn draw() -> Self {
        host::random_u64() & 1 == 1
    }
}

impl sealed::Sealed for f64 {}
impl WorkflowRandomValue for f64 {
    fn draw() -> Self {
        // The 53 bits that an f64 holds exactly.
        (host::random_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

pub(crate) fn bytes(length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let wanted = (length - bytes.len()).min(BYTES_PER_CALL);
        bytes.extend(host::random_bytes(wanted as u32));
    }
    bytes
}

/// A UUID of version 4 in its usual form.
pub(crate) fn uuid4() -> String {
    let high = (host::random_u64() & !0xf000) | 0x4000;
    let low = (host::random_u64() & !(0b11 << 62)) | (0b10 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}
