//! What a token verifier accepts: its issuers, and where their keys come from.

use std::path::PathBuf;

use secrecy::SecretString;

/// The issuers that a verifier knows.
#[derive(Debug, Clone)]
pub struct JwtSettings {
    /// 1 to 16 issuers, each with a name of its own.
    pub issuers: Vec<IssuerSettings>,
    /// How many verified tokens are remembered.
    pub cache_entries: usize,
}

/// One issuer.
#[derive(Debug, Clone)]
pub struct IssuerSettings {
    /// Its name (`iss`).
    pub issuer: String,
    /// The audience of its tokens (`aud`).
    pub audience: String,
    /// The one algorithm that it signs with.
    pub algorithm: JwtAlgorithm,
    /// Its keys.
    pub keys: JwtKeys,
    /// Leeway for `exp` and `nbf` in seconds, at most 5.
    pub leeway_secs: u64,
}

/// An algorithm that tokens are signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// HMAC-SHA256 with a shared secret.
    Hs256,
    /// Ed25519.
    EdDsa,
}

/// Where the keys of an issuer come from.
#[derive(Debug, Clone)]
pub enum JwtKeys {
    /// One shared secret of at least 32 bytes, whatever `kid` a token names.
    Secret(SecretString),
    /// One public key, whatever `kid` a token names: base64url without padding, as the `x` of a JWK.
    Public(String),
    /// A key without a name and the one before it, so that tokens of both are good until the old one's end.
    Successive {
        /// The secret of at least 32 bytes for HS256, the public key (`x` of a JWK) for EdDSA.
        current: SecretString,
        /// The one before it.
        previous: SecretString,
        /// The last second in which the previous one is good, since 1970.
        previous_until: u64,
    },
    /// 1 to 32 keys with names, so that a new key can come in before the old one goes.
    Listed(Vec<ListedKey>),
    /// A JWK set in a file, read at start and by [`crate::TokenVerifier::reload`].
    File(PathBuf),
    /// A JWK set of public keys at an https address (http only on the machine itself), read by
    /// [`crate::JwksRefresher::run`].
    Address(String),
}

/// One key of several.
#[derive(Debug, Clone)]
pub struct ListedKey {
    /// The `kid` that tokens name it by; none for the one key of tokens without a `kid`.
    pub kid: Option<String>,
    /// The secret of at least 32 bytes for HS256, the public key (`x` of a JWK) for EdDSA.
    pub material: SecretString,
    /// The last second in which it is good, since 1970.
    pub not_after: Option<u64>,
}

/// Why a verifier or a token issuer cannot be made of its settings, or cannot do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// No issuer, or too many.
    #[error("there must be 1 to 16 JWT issuers")]
    IssuerCount,
    /// Two issuers have the same name.
    #[error("each JWT issuer must have a name of its own")]
    IssuerTwice,
    /// The secret is too short.
    #[error("the JWT secret must have at least 32 bytes")]
    SecretTooShort,
    /// The public key is not an Ed25519 key.
    #[error("the JWT public key must be 32 bytes of Ed25519 key in base64url without padding")]
    BadPublicKey,
    /// The keys do not fit the algorithm.
    #[error(
        "the JWT keys must fit the issuer's algorithm: secrets for HS256, public keys and addresses for EdDSA"
    )]
    WrongKeys,
    /// The list of keys is empty, too long, or names a key twice.
    #[error("a list of JWT keys must have 1 to 32 keys, each with a kid of its own of at most 128 bytes")]
    BadKeyList,
    /// The file is no JWK set with a fitting key.
    #[error(
        "the JWK-set file must be readable, of at most 64 kB and 32 keys, with one that fits the algorithm"
    )]
    BadKeyFile,
    /// The address of the JWK set is not acceptable.
    #[error("the JWK-set address must be https (http only on the machine itself), without user and password")]
    BadKeyAddress,
    /// The HTTP client could not be made.
    #[error("the client for JWK sets could not be made")]
    NoClient,
    /// The leeway is too large.
    #[error("the JWT leeway must be at most 5 seconds")]
    LeewayTooLarge,
    /// The issuer or the audience is empty.
    #[error("the JWT issuer and audience must not be empty")]
    NoIssuerOrAudience,
    /// The token could not be signed.
    #[error("the token could not be signed")]
    NotSigned,
}
