//! Who may do what: one extractor per right, so that no handler can forget to ask. Asking costs one unit of the caller's
//! rate limit.

use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use domain::{InstitutionId, UserId};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use http::{Authenticated, Bucket, Credential, Identity, Problem, Scope, client_address, request_id};
use trading::Caller;

use crate::ApiState;

macro_rules! callers {
    ($($(#[$doc:meta])* $name:ident counted as $bucket:expr, with $scopes:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) struct $name(pub(crate) Caller);

        impl FromRequest for $name {
            type Error = Problem;
            type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let request = request.clone();
                async move {
                    let identity = Authenticated::of(&request)?.with_any($scopes)?;
                    charge(&request, identity, $bucket, 1).await?;
                    Ok(Self(caller(identity)))
                }
                .boxed_local()
            }
        }
    )*};
}

callers! {
    /// May place, amend and cancel its own orders.
    Trader counted as Bucket::Orders, with &[Scope::Trade];
    /// May cancel its own orders; counted apart, so that everybody can always leave.
    Canceller counted as Bucket::Cancels, with &[Scope::Trade];
    /// May look at its own things. Who may trade may look.
    Reader counted as Bucket::Orders, with &[Scope::Read, Scope::Trade];
}

/// May place, amend and cancel its own orders, and is charged once it is known for how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchTrader(pub(crate) Identity);

impl FromRequest for BatchTrader {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(
            Authenticated::of(request)
                .and_then(|caller| caller.with_any(&[Scope::Trade]))
                .map(Self),
        )
    }
}

/// Takes so many units of a caller's limit.
pub(crate) async fn charge(
    request: &HttpRequest,
    identity: Identity,
    bucket: Bucket,
    cost: u32,
) -> Result<(), Problem> {
    let state = request
        .app_data::<Data<ApiState>>()
        .ok_or_else(|| Problem::internal("the handlers share no state"))?;
    state.limits.charge(request, identity.user_id, bucket, cost).await
}

/// An operator, as the audit file names it.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    pub(crate) user_id: UserId,
    pub(crate) credential: Credential,
    pub(crate) address: IpAddr,
    pub(crate) request_id: String,
}

macro_rules! operators {
    ($($(#[$doc:meta])* $name:ident with $scopes:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        #[allow(dead_code, reason = "who only looks need not be named")]
        pub(crate) struct $name(pub(crate) Operator);

        impl FromRequest for $name {
            type Error = Problem;
            type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let request = request.clone();
                async move { operator(&request, $scopes).await.map(Self) }.boxed_local()
            }
        }
    )*};
}

operators! {
    /// May deposit and withdraw for anybody.
    FundsOperator with &[Scope::AdminFunds];
    /// May change accounts, tiers and API keys.
    AccountsOperator with &[Scope::AdminAccounts];
    /// May look at anybody's things.
    ReadingOperator with &[Scope::AdminRead];
    /// May look at tiers, accounts and API keys.
    AccountsOrReadingOperator with &[Scope::AdminRead, Scope::AdminAccounts];
    /// May change markets and cancel anybody's orders.
    MarketsOperator with &[Scope::AdminMarkets];
}

/// The operator of a request. Who asks without the right is written down.
async fn operator(request: &HttpRequest, scopes: &[Scope]) -> Result<Operator, Problem> {
    let caller = Authenticated::of(request)?;
    let operator = Operator {
        user_id: user(caller.0),
        credential: caller.0.credential,
        address: client_address(request),
        request_id: request_id(request).unwrap_or_default(),
    };
    match caller.with_any(scopes) {
        Ok(_) => Ok(operator),
        Err(problem) => {
            let state = request
                .app_data::<Data<ApiState>>()
                .ok_or_else(|| Problem::internal("the handlers share no state"))?;
            let route = request.match_pattern().unwrap_or_default();
            crate::admin::refused(state, &operator, &route, problem).await
        }
    }
}

/// First who asks, then what is asked for: nobody without the right learns what is wrong with a body, and refusing is
/// never cut short because the body was bad, too.
#[derive(Debug)]
pub(crate) struct Then<A, B>(pub(crate) A, pub(crate) B);

impl<A, B> FromRequest for Then<A, B>
where
    A: FromRequest<Error = Problem> + 'static,
    B: FromRequest<Error = Problem> + 'static,
{
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        async move {
            let first = A::from_request(&request, &mut Payload::None).await?;
            let second = B::from_request(&request, &mut payload).await?;
            Ok(Self(first, second))
        }
        .boxed_local()
    }
}

pub(crate) fn user(identity: Identity) -> UserId {
    UserId::from_u128(identity.user_id.as_u128())
}

pub(crate) fn caller(identity: Identity) -> Caller {
    Caller {
        user_id: user(identity),
        institution_id: identity
            .institution_id
            .map(|id| InstitutionId::from_u128(id.as_u128())),
    }
}
