//! The dependency descriptor as an extension of the clients' sessions: bytes in, bytes out.

use str0m::rtp::{Extension, ExtensionSerializer, ExtensionValues};

use super::media::extensions;

#[derive(Debug, PartialEq, Eq)]
pub struct Descriptor(pub Vec<u8>);

#[derive(Debug)]
struct Serializer;

impl ExtensionSerializer for Serializer {
    fn write_to(&self, buf: &mut [u8], values: &ExtensionValues) -> usize {
        let Some(Descriptor(bytes)) = values.user_values.get() else {
            return 0;
        };
        buf[..bytes.len()].copy_from_slice(bytes);
        bytes.len()
    }

    fn parse_value(&self, buf: &[u8], values: &mut ExtensionValues) -> bool {
        values.user_values.set(Descriptor(buf.to_vec()));
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }

    fn requires_two_byte_form(&self, values: &ExtensionValues) -> bool {
        values
            .user_values
            .get::<Descriptor>()
            .is_some_and(|each| each.0.len() > 16)
    }
}

pub fn extension() -> Extension {
    Extension::with_serializer(&extensions()[4].1, Serializer)
}
