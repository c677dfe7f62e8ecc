//! What the engine announces, as notifications for those who listen. One task; each message is written once.
//! Refuses to: hide a loss. When events were missed, every connection is dropped, and clients that come back ask anew.

use std::sync::Arc;

use refit_model::event::{Audience, Event};
use refit_model::printer::KlippyState;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::Shared;
use crate::wire::{self, notification};

/// Passes events on until the engine is gone, or `closing` resolves and all that were announced before are passed on.
pub(crate) async fn pass_on(shared: Arc<Shared>, mut events: Receiver<Event>, closing: impl Future<Output = ()>) {
    let mut closing = std::pin::pin!(closing);
    let mut printer = shared.handle.snapshot().printer.state;
    loop {
        let event = tokio::select! {
            biased;
            event = events.recv() => event,
            () = &mut closing => return,
        };
        match event {
            Ok(Event::Run { message, audience }) => {
                let shape = wire::UpdateResponse::from(&message);
                shared.hub.tell(audience, &notification("notify_update_response", Some(&shape)).into());
            }
            Ok(Event::Answered(connection)) => shared.hub.mark(connection),
            Ok(Event::Refreshed) => {
                if shared.hub.has_listeners() {
                    let snapshot = shared.handle.snapshot();
                    let status = wire::Status::from(&*snapshot);
                    let message = notification("notify_update_refreshed", Some(&status)).into();
                    shared.hub.tell(Audience::Everybody, &message);
                }
            }
            Ok(Event::Printer) => {
                let state = shared.handle.snapshot().printer.state;
                if let Some(method) = printer_notification(state).filter(|_| state != printer) {
                    shared.hub.tell(Audience::Everybody, &notification::<()>(method, None).into());
                }
                printer = state;
            }
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "events were lost, all connections are dropped so that clients ask anew");
                shared.hub.drop_all();
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn printer_notification(state: KlippyState) -> Option<&'static str> {
    match state {
        KlippyState::Ready => Some("notify_klippy_ready"),
        KlippyState::Shutdown => Some("notify_klippy_shutdown"),
        KlippyState::Disconnected => Some("notify_klippy_disconnected"),
        KlippyState::Startup | KlippyState::Error => None,
    }
}
