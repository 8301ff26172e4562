//! One operation of the API as its description has it: the route, who may call it, what it takes and answers.

use serde_json::{Map, Value, json};

use super::schema::reference;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without a token.
    Public,
    /// Whoever has a good token or key, whatever it may do.
    SignedIn,
    /// Users who may look at their own things; who may trade may look.
    Read,
    /// Users who may trade.
    Trade,
    /// Operators with one of these rights.
    Operator(&'static [&'static str]),
}

impl Access {
    /// The words of the rights, one of which is needed; empty: none is.
    pub const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Public | Self::SignedIn => &[],
            Self::Read => &["read", "trade"],
            Self::Trade => &["trade"],
            Self::Operator(scopes) => scopes,
        }
    }
}

/// A route of the API, and who may call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The method in capitals.
    pub method: &'static str,
    /// The path with its parameters in braces.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
}

/// Answers that every operation may give: a request that cannot be read, bad credentials, too many requests, faults.
const OF_ALL: [u16; 6] = [400, 401, 429, 500, 503, 504];
/// Answers of operations with a body: it comes too slowly, is too large, or is no plain JSON.
const OF_BODIES: [u16; 3] = [408, 413, 415];

/// An operation.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) route: Route,
    tag: &'static str,
    id: &'static str,
    summary: &'static str,
    query: Vec<Value>,
    body: Option<&'static str>,
    answers: Vec<(u16, &'static str, Option<&'static str>)>,
    problems: Vec<u16>,
}

impl Operation {
    /// An operation without parameters, body and answers.
    pub(crate) const fn new(
        route: Route,
        tag: &'static str,
        id: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            route,
            tag,
            id,
            summary,
            query: Vec::new(),
            body: None,
            answers: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Takes an optional parameter in the query.
    pub(crate) fn query(self, name: &str, schema: Value, about: &str) -> Self {
        self.parameter(name, schema, about, false)
    }

    /// Takes a parameter in the query.
    pub(crate) fn parameter(mut self, name: &str, schema: Value, about: &str, required: bool) -> Self {
        self.query.push(json!({
            "name": name, "in": "query", "required": required, "description": about, "schema": schema
        }));
        self
    }

    /// Takes a body of this schema.
    pub(crate) const fn body(mut self, schema: &'static str) -> Self {
        self.body = Some(schema);
        self
    }

    /// Answers with this schema.
    pub(crate) fn answers(mut self, status: u16, schema: &'static str, about: &'static str) -> Self {
        self.answers.push((status, about, Some(schema)));
        self
    }

    /// Answers with something that is no JSON of ours.
    pub(crate) fn answers_otherwise(mut self, status: u16, about: &'static str) -> Self {
        self.answers.push((status, about, None));
        self
    }

    /// May answer with problems of these statuses, besides those of all operations.
    pub(crate) fn problems(mut self, statuses: &[u16]) -> Self {
        self.problems.extend_from_slice(statuses);
        self
    }

    /// The operation as OpenAPI writes it.
    pub(crate) fn describe(&self) -> Value {
        let mut operation = json!({
            "operationId": self.id,
            "summary": self.summary,
            "tags": [self.tag],
            "security": self.security(),
            "x-access": self.route.access.scopes(),
            "responses": self.responses(),
        });
        let parameters: Vec<Value> = self.in_path().chain(self.query.iter().cloned()).collect();
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        if let Some(schema) = self.body {
            operation["requestBody"] = json!({
                "required": true,
                "content": { "application/json": { "schema": reference(schema) } }
            });
        }
        if matches!(self.route.access, Access::Operator(_)) {
            operation["servers"] = json!([{
                "url": "http://localhost:9090",
                "description": "the listener for operators, which is not public"
            }]);
        }
        operation
    }

    fn in_path(&self) -> impl Iterator<Item = Value> {
        self.route
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| json!({ "$ref": format!("#/components/parameters/{name}") }))
    }

    /// A token, or the three headers of a signed request. Operators sign nothing.
    fn security(&self) -> Value {
        let scopes = self.route.access.scopes();
        match self.route.access {
            Access::Public => json!([]),
            Access::SignedIn | Access::Read | Access::Trade => json!([
                { "token": scopes },
                { "key": scopes, "key_timestamp": scopes, "key_signature": scopes }
            ]),
            Access::Operator(_) => json!([{ "token": scopes }]),
        }
    }

    fn responses(&self) -> Value {
        let charged = matches!(self.route.access, Access::Read | Access::Trade);
        let mut responses = Map::new();
        for (status, about, schema) in &self.answers {
            let mut headers = named_headers(&["X-Request-Id"]);
            if charged {
                headers.extend(named_headers(&[
                    "RateLimit-Limit",
                    "RateLimit-Remaining",
                    "RateLimit-Reset",
                ]));
            }
            if *status == 201 && self.route.path == "/api/v1/orders" {
                headers.extend(named_headers(&["Location"]));
            }
            let mut response = json!({ "description": about, "headers": headers });
            if let Some(schema) = schema {
                response["content"] = json!({ "application/json": { "schema": reference(schema) } });
            }
            responses.insert(status.to_string(), response);
        }
        for status in self.statuses_of_problems() {
            let of_problem = json!({ "$ref": format!("#/components/responses/{status}") });
            responses.entry(status.to_string()).or_insert(of_problem);
        }
        responses.into()
    }

    fn statuses_of_problems(&self) -> Vec<u16> {
        let mut statuses = OF_ALL.to_vec();
        statuses.extend(&self.problems);
        if !matches!(self.route.access, Access::Public | Access::SignedIn) {
            statuses.push(403);
        }
        if self.body.is_some() {
            statuses.extend(OF_BODIES);
        }
        if self.route.path.contains('{') {
            // A name that no route has, or that another route has.
            statuses.extend([404, 405]);
        }
        statuses
    }
}

/// References to the headers that the components describe.
pub(super) fn named_headers(names: &[&str]) -> Map<String, Value> {
    let header = |name: &&str| {
        let reference = json!({ "$ref": format!("#/components/headers/{name}") });
        ((*name).to_owned(), reference)
    };
    names.iter().map(header).collect()
}

macro_rules! methods {
    ($($name:ident is $method:literal),* $(,)?) => {$(
        #[doc = concat!("An operation with the method ", $method, ".")]
        pub(crate) const fn $name(
            path: &'static str,
            access: Access,
            tag: &'static str,
            id: &'static str,
            summary: &'static str,
        ) -> Operation {
            Operation::new(Route { method: $method, path, access }, tag, id, summary)
        }
    )*};
}

methods! {
    get is "GET",
    post is "POST",
    put is "PUT",
    patch is "PATCH",
    delete is "DELETE",
}
