//! A load generator: many clients in one thread, for the benchmarks and for tests under load.
//!
//! A peer has a UDP socket of its own and real ICE, DTLS and SRTP ([`webrtc`]), or keys of its own
//! and nothing else ([`bare`]), which is what the bound of forwarding is measured with. Publishers
//! send numbered packets with their time and room inside ([`stamp`]) in the pattern of a camera or a
//! microphone ([`pattern`]); receivers count them ([`tally`]). The kernel says when a packet came
//! in, so a receiver need not be woken for each, and the server under test does not pay for it.
//!
//! Whoever drives it tells it by [`generator::Order`]s; signalling is theirs.

pub mod bare;
pub mod generator;
pub mod pattern;
pub mod peer;
pub mod publication;
#[cfg(feature = "python")]
pub mod python;
pub mod socket;
pub mod stamp;
pub mod tally;
pub mod webrtc;
