//! The packet engine of Tertulia: ICE, DTLS, SRTP and selective forwarding.
//!
//! The way of a packet: [`engine_loop`] reads it from a socket, [`demux`] finds whose it is,
//! [`ingress`] authenticates and decrypts it ([`srtp`]), [`sfu`] finds its [`source`] and the
//! receivers, [`forward`] and its [`filter`] decide for each of them and renumber it ([`rewrite`]),
//! [`egress`] writes it into the [`outbox`], encrypted for the receiver, and the loop sends what is
//! there. An [`endpoint`] is one participant: its [`ice`], its [`dtls`], both directions, and what
//! they tell each other ([`reports`]).
//!
//! Sockets and the clock stay in [`engine_loop`]; only `python` and what `python_module` puts together know Python.

#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

pub mod allowance;
pub mod arrival_log;
pub mod arrivals;
pub mod bits;
pub mod client;
pub mod clock;
pub mod codecs;
pub mod counters;
pub mod crypto;
pub mod dd;
pub mod dd_filter;
pub mod demux;
pub mod dtls;
pub mod dtls_provider;
pub mod egress;
pub mod endpoint;
pub mod engine_loop;
pub mod estimate;
pub mod events;
pub mod extensions;
pub mod feedback;
pub mod filter;
pub mod fingerprints;
pub mod forward;
pub mod grid;
pub mod h264;
pub mod ice;
pub mod inbox;
pub mod incoming;
pub mod ingress;
pub mod keyframes;
pub mod layers;
pub mod levels;
pub mod load;
pub mod media;
pub mod missing;
pub mod numbers;
pub mod outbox;
pub mod output;
pub mod outputs;
pub mod own_queue;
pub mod passage;
pub mod path_loss;
pub mod payload;
pub mod probing;
#[cfg(feature = "python")]
mod python;
#[cfg(feature = "python")]
mod python_module;
pub mod reception;
pub mod red;
pub mod remb;
pub mod repairs;
pub mod reports;
pub mod resend;
pub mod rewrite;
pub mod rtcp;
pub mod rtp;
pub mod rtp_extensions;
pub mod sent_log;
pub mod sent_rate;
pub mod setup;
pub mod sfu;
pub mod sockets;
pub mod source;
pub mod srtp;
mod srtp_keys;
mod srtp_profile;
mod srtp_replay;
pub mod stun;
pub mod tcp;
pub mod tcp_doors;
pub mod tcp_frames;
pub mod vp8;
pub mod vp8_filter;
pub mod vp9;
pub mod vp9_filter;
