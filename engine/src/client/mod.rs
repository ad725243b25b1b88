//! The other end of the wire: participants, as the Python client and the load generator need them.
//!
//! One thread carries many *peers*. Each is a whole WebRTC endpoint: its own UDP sockets, ICE in
//! either role (TCP too, RFC 6544), DTLS, SRTP. In the mode `Frames` it takes and gives encoded
//! frames, in the mode `Packets` RTP packets.
//!
//! The way of a datagram: [`thread`] waits, [`peers`] reads it from a socket of [`links`], [`peer`]
//! (a str0m session) decrypts it, and the [`application::Application`] gets what came out. Whoever
//! sends, does it through [`peers::Peers`]; what is sent and received are [`streams`].

pub mod application;
pub mod candidates;
pub mod events;
mod formats;
pub mod framing;
pub mod links;
pub mod peer;
pub mod peers;
#[cfg(feature = "python")]
pub(crate) mod python;
#[cfg(feature = "python")]
mod python_events;
pub mod queue;
pub mod setup;
pub mod streams;
pub mod thread;
