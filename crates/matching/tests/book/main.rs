//! The book against tables of small cases, against a naive twin, and against the bugs that others have had.

#[cfg(test)]
mod bugs;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod record;
#[cfg(test)]
mod script;
#[cfg(test)]
mod table;
#[cfg(test)]
mod twin;
