//! Signatures as minisign makes them, from a key that is made from a name: the same in every run.
//!
//! Format: <https://jedisct1.github.io/minisign/#signature-format>. Refuses to be a place for real keys: whoever knows
//! the name has the key.

use blake2::{Blake2b512, Digest as _};
use data_encoding::BASE64;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// A key pair that signs.
#[derive(Debug)]
pub struct Signer {
    key: Ed25519KeyPair,
    number: [u8; 8],
}

impl Signer {
    /// The key of this name.
    ///
    /// # Panics
    /// Never: every 32 bytes are an Ed25519 seed.
    pub fn named(name: &str) -> Self {
        let hash = ring::digest::digest(&ring::digest::SHA256, name.as_bytes());
        let key = Ed25519KeyPair::from_seed_unchecked(hash.as_ref()).expect("a SHA-256 has the length of a seed");
        let mut number = [0; 8];
        number.copy_from_slice(&hash.as_ref()[..8]);
        Self { key, number }
    }

    /// The public key in base64: what an owner writes after `verify: minisign`.
    pub fn public_key(&self) -> String {
        BASE64.encode(&[b"Ed", &self.number[..], self.key.public_key().as_ref()].concat())
    }

    /// The public key as minisign's file of two lines.
    pub fn public_key_file(&self) -> String {
        let number = u64::from_le_bytes(self.number);
        format!("untrusted comment: minisign public key {number:016X}\n{}\n", self.public_key())
    }

    /// The content of `FILE.minisig` for these bytes, in the present, hashing form.
    pub fn sign(&self, bytes: &[u8], file: &str) -> String {
        self.lines(b"ED", &Blake2b512::digest(bytes), &format!("timestamp:1767225600\tfile:{file}\thashed"))
    }

    /// The same in the form of before 2022, which signs the bytes themselves.
    pub fn sign_legacy(&self, bytes: &[u8], file: &str) -> String {
        self.lines(b"Ed", bytes, &format!("timestamp:1767225600\tfile:{file}"))
    }

    fn lines(&self, algorithm: &[u8; 2], message: &[u8], trusted: &str) -> String {
        let signature = self.key.sign(message);
        let global = self.key.sign(&[signature.as_ref(), trusted.as_bytes()].concat());
        let signature = BASE64.encode(&[algorithm, &self.number[..], signature.as_ref()].concat());
        let global = BASE64.encode(global.as_ref());
        format!(
            "untrusted comment: signature from minisign secret key\n{signature}\ntrusted comment: {trusted}\n{global}\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use minisign_verify::{PublicKey, Signature};

    #[test]
    fn signatures_are_what_minisign_takes() {
        let signer = Signer::named("mainsail");
        let key = PublicKey::from_base64(&signer.public_key()).unwrap();
        assert!(PublicKey::decode(&signer.public_key_file()).is_ok());
        let signature = Signature::decode(&signer.sign(b"bytes", "mainsail.zip")).unwrap();
        key.verify(b"bytes", &signature, false).unwrap();
        assert!(key.verify(b"other", &signature, false).is_err());
        let legacy = Signature::decode(&signer.sign_legacy(b"bytes", "mainsail.zip")).unwrap();
        key.verify(b"bytes", &legacy, true).unwrap();
        assert!(key.verify(b"bytes", &legacy, false).is_err());
        let other = PublicKey::from_base64(&Signer::named("fluidd").public_key()).unwrap();
        assert!(other.verify(b"bytes", &signature, false).is_err());
    }
}
