//! Messages with the descriptors of the API: their fields by name, and protobuf's
//! canonical JSON.

use std::sync::OnceLock;

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage};

/// A message whose fields can be walked.
pub(super) fn dynamic<M: Message + Name>(message: &M) -> DynamicMessage {
    let name = M::full_name();
    let descriptor = pool().get_message_by_name(&name);
    let descriptor = descriptor.unwrap_or_else(|| panic!("{name} is in the descriptors"));
    DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .expect("what was encoded can be decoded")
}

/// A message as JSON on several lines.
pub(super) fn pretty<M: Message + Name>(message: &M) -> String {
    serde_json::to_string_pretty(&dynamic(message)).expect("every message has a JSON form")
}

fn pool() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| {
        DescriptorPool::decode(mainspring_api::proto::FILE_DESCRIPTOR_SET)
            .expect("the build wrote a complete set")
    })
}
