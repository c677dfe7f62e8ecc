//! One-shot tokens: 32 characters of base32, five seconds, one use, one address (CONTRACT §1.5). A browser puts one into
//! an address where it cannot set a header.
//! Refuses to: keep more than a few hundred; the oldest goes.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use subtle::ConstantTimeEq;
use tokio::time::Instant;

use crate::auth::User;

const LIFETIME: Duration = Duration::from_secs(5);
const MOST: usize = 512;

struct Token {
    text: String,
    address: IpAddr,
    user: User,
    until: Instant,
}

/// The tokens given out and not used.
#[derive(Default)]
pub struct Tokens(Mutex<VecDeque<Token>>);

impl Tokens {
    /// Gives out a token for the asking address and user.
    #[must_use]
    pub fn issue(&self, address: IpAddr, user: User) -> String {
        let text = data_encoding::BASE32_NOPAD.encode(&crate::api_key::random::<20>());
        let now = Instant::now();
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|token| token.until > now);
        if tokens.len() >= MOST {
            tokens.pop_front();
        }
        tokens.push_back(Token { text: text.clone(), address, user, until: now + LIFETIME });
        text
    }

    /// Uses a token up, whatever comes of it. The user it was given to, when address and time are right.
    #[must_use]
    pub fn redeem(&self, text: &str, address: IpAddr) -> Option<User> {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = tokens.iter().position(|token| bool::from(token.text.as_bytes().ct_eq(text.as_bytes())))?;
        let token = tokens.remove(at)?;
        (token.address == address && token.until > Instant::now()).then_some(token.user)
    }
}
