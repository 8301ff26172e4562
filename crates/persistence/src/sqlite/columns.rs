//! Rows with named columns: one list gives the struct, the statement that inserts it and the way it is read back.

/// The Rust type of a column.
macro_rules! rust_type {
    (id) => { $crate::sqlite::value::Bits };
    (int) => { i64 };
    (text) => { std::borrow::Cow<'a, str> };
    (flag) => { bool };
    (opt_id) => { Option<$crate::sqlite::value::Bits> };
    (opt_int) => { Option<i64> };
    (opt_text) => { Option<std::borrow::Cow<'a, str>> };
}

/// The SQL type of a column.
macro_rules! sql_type {
    (id) => { diesel::sql_types::Binary };
    (int) => { diesel::sql_types::BigInt };
    (text) => { diesel::sql_types::Text };
    (flag) => { diesel::sql_types::Bool };
    (opt_id) => { diesel::sql_types::Nullable<diesel::sql_types::Binary> };
    (opt_int) => { diesel::sql_types::Nullable<diesel::sql_types::BigInt> };
    (opt_text) => { diesel::sql_types::Nullable<diesel::sql_types::Text> };
}

/// Declares the row of a table. A column is `name: kind`; `opt_` is before kinds that may be NULL. A row with text borrows
/// it, and is `Name<'a>`.
macro_rules! row {
    ($(#[$doc:meta])* $name:ident<'a> in $table:literal { $($columns:tt)* }) => {
        $crate::sqlite::columns::row! { @ $(#[$doc])* $name {<'a>} {<'_>} {<'static>} $table { $($columns)* } }
    };
    ($(#[$doc:meta])* $name:ident in $table:literal { $($columns:tt)* }) => {
        $crate::sqlite::columns::row! { @ $(#[$doc])* $name {} {} {} $table { $($columns)* } }
    };
    (
        @ $(#[$doc:meta])* $name:ident {$($borrowed:tt)*} {$($any:tt)*} {$($owned:tt)*} $table:literal {
            $first:ident : $first_kind:ident, $($column:ident : $kind:ident),* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) struct $name $($borrowed)* {
            pub(crate) $first: $crate::sqlite::columns::rust_type!($first_kind),
            $(pub(crate) $column: $crate::sqlite::columns::rust_type!($kind),)*
        }

        impl $name $($any)* {
            /// The table.
            #[allow(dead_code, reason = "of some tables nothing is read that could be malformed")]
            pub(crate) const TABLE: $crate::sqlite::value::Table = $crate::sqlite::value::Table($table);
        }

        impl $crate::sqlite::insert::Row for $name $($any)* {
            type Id = $name $($owned)*;

            const INSERT: &'static str = concat!(
                "INSERT OR FAIL INTO ", $table, " (", stringify!($first), $(", ", stringify!($column),)* ") VALUES "
            );

            fn bind<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::sqlite::Sqlite>,
            ) -> diesel::QueryResult<()> {
                out.push_bind_param::<$crate::sqlite::columns::sql_type!($first_kind), _>(&self.$first)?;
                $(
                    out.push_sql(", ");
                    out.push_bind_param::<$crate::sqlite::columns::sql_type!($kind), _>(&self.$column)?;
                )*
                Ok(())
            }
        }

        impl diesel::deserialize::QueryableByName<diesel::sqlite::Sqlite> for $name $($owned)* {
            fn build<'a>(
                row: &impl diesel::row::NamedRow<'a, diesel::sqlite::Sqlite>,
            ) -> diesel::deserialize::Result<Self> {
                use diesel::row::NamedRow;
                Ok(Self {
                    $first: NamedRow::get::<$crate::sqlite::columns::sql_type!($first_kind), _>(row, stringify!($first))?,
                    $($column: NamedRow::get::<$crate::sqlite::columns::sql_type!($kind), _>(
                        row,
                        stringify!($column),
                    )?,)*
                })
            }
        }
    };
}

pub(crate) use {row, rust_type, sql_type};
