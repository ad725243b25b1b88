//! Which ids and username fragments are in use, so that a clash is refused at once.

use std::collections::HashMap;

use crate::events::Event;

#[derive(Default)]
pub(super) struct InUse {
    pub endpoints: HashMap<u64, Transport>,
}

pub(super) struct Transport {
    pub ufrag: String,
    pub is_connected: bool,
    /// The username fragment of the restart under way.
    pub restart: Option<String>,
}

impl InUse {
    pub fn has_ufrag(&self, ufrag: &str) -> bool {
        let has = |each: &Transport| each.ufrag == ufrag || each.restart.as_deref() == Some(ufrag);
        self.endpoints.values().any(has)
    }

    /// Follow what the engine tells.
    pub fn note(&mut self, event: &Event) {
        if let Event::EndpointFailed { endpoint, .. } = event {
            self.endpoints.remove(&endpoint.0);
            return;
        }
        let (Event::IceConnected { endpoint, .. }
        | Event::IceRestarted { endpoint, .. }
        | Event::IceRestartFailed { endpoint }) = event
        else {
            return;
        };
        let Some(transport) = self.endpoints.get_mut(&endpoint.0) else {
            return;
        };
        match event {
            Event::IceConnected { .. } => transport.is_connected = true,
            Event::IceRestarted { .. } => {
                if let Some(ufrag) = transport.restart.take() {
                    transport.ufrag = ufrag;
                }
            }
            _ => transport.restart = None,
        }
    }
}
