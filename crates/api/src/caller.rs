//! Who may do what: one extractor per right, so that no handler can forget to ask.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use domain::{InstitutionId, UserId};
use http::{Authenticated, Identity, Problem, Scope};
use trading::Caller;

macro_rules! callers {
    ($($(#[$doc:meta])* $name:ident($inner:ty) by $make:ident with $scopes:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) struct $name(pub(crate) $inner);

        impl FromRequest for $name {
            type Error = Problem;
            type Future = Ready<Result<Self, Problem>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let caller = Authenticated::of(request).and_then(|caller| caller.with_any($scopes));
                ready(caller.map(|identity| Self($make(identity))))
            }
        }
    )*};
}

callers! {
    /// May place, amend and cancel its own orders.
    Trader(Caller) by caller with &[Scope::Trade];
    /// May look at its own things. Who may trade may look.
    Reader(Caller) by caller with &[Scope::Read, Scope::Trade];
    /// May deposit and withdraw for anybody.
    FundsOperator(UserId) by user with &[Scope::AdminFunds];
    /// May change markets and cancel anybody's orders.
    MarketsOperator(UserId) by user with &[Scope::AdminMarkets];
}

fn user(identity: Identity) -> UserId {
    UserId::from_u128(identity.user_id.as_u128())
}

fn caller(identity: Identity) -> Caller {
    Caller {
        user_id: user(identity),
        institution_id: identity
            .institution_id
            .map(|id| InstitutionId::from_u128(id.as_u128())),
    }
}
