//! The attributes of `relhost-sdk`: [`macro@stage`], [`macro@policy`] and [`macro@settings`]. Use them through that crate.

use proc_macro::TokenStream;
use syn::{DeriveInput, ItemImpl, parse_macro_input};

mod settings;

mod plugin;
#[cfg(test)]
mod tests;

use plugin::{Arguments, Kind};

/// Exports a stage as a component. On an `impl Stage for X` where `X` is a unit struct.
///
/// The documentation of the impl, its first paragraph first, is what the plugin says about itself;
/// `#[stage(readme = "README.md")]` takes a file of the package instead.
#[proc_macro_attribute]
pub fn stage(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as Arguments);
    let item = parse_macro_input!(item as ItemImpl);
    plugin::expand(Kind::Stage, &arguments, &item).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Exports a policy as a component. On an `impl Policy for X` where `X` is a unit struct; takes what
/// [`macro@stage`] takes.
#[proc_macro_attribute]
pub fn policy(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as Arguments);
    let item = parse_macro_input!(item as ItemImpl);
    plugin::expand(Kind::Policy, &arguments, &item).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a struct or an enum readable as settings: derives `Deserialize` and `JsonSchema`, writes names in
/// kebab-case and refuses unknown fields. `#[serde(..)]` on fields works as usual; documentation becomes the
/// schema's.
///
/// `#[settings(text)]` is for a value that is written as text, such as `08:30`: the type has `FromStr`, whose
/// error becomes the message.
#[proc_macro_attribute]
pub fn settings(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as settings::Arguments);
    let item = parse_macro_input!(item as DeriveInput);
    settings::expand(&arguments, &item).unwrap_or_else(syn::Error::into_compile_error).into()
}
