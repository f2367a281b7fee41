//! The command line, taken apart by hand: a few tasks do not justify a parser that takes longer to build than
//! the rest of this package.

use std::fmt;

use anyhow::{Error, Result};

/// Ends the options: what follows belongs to whoever is called.
const END: &str = "--";

/// The words that are not used up yet.
pub struct Args {
    words: Vec<String>,
    passed_on: Vec<String>,
}

impl Args {
    /// Everything after the program's name.
    pub fn new(words: impl IntoIterator<Item = String>) -> Self {
        let mut words: Vec<String> = words.into_iter().collect();
        let passed_on = match words.iter().position(|word| word == END) {
            Some(end) => words.split_off(end).split_off(1),
            None => Vec::new(),
        };
        Self { words, passed_on }
    }

    /// Takes the first word if it is not an option.
    pub fn positional(&mut self) -> Option<String> {
        let first = self.words.first()?;
        (!first.starts_with('-')).then(|| self.words.remove(0))
    }

    /// Takes every occurrence of a switch; true if there was one.
    pub fn flag(&mut self, name: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|word| word != name);
        self.words.len() < before
    }

    /// Whether help is asked for.
    pub fn help(&mut self) -> bool {
        // Not short-circuited: both are used up.
        self.flag("--help") | self.flag("-h")
    }

    /// Takes `name VALUE` or `name=VALUE`; the last one counts.
    ///
    /// # Errors
    /// If the value is missing.
    pub fn option(&mut self, name: &str) -> Result<Option<String>> {
        let mut value = None;
        while let Some(at) = self.words.iter().position(|word| is_option(word, name)) {
            let word = self.words.remove(at);
            if let Some((_, given)) = word.split_once('=') {
                value = Some(given.to_owned());
            } else if at < self.words.len() && !self.words[at].starts_with("--") {
                value = Some(self.words.remove(at));
            } else {
                return Err(Usage::new(format!("`{name}` needs a value, for example `{name} VALUE`")));
            }
        }
        Ok(value)
    }

    /// Takes all that is left, both sides of `--`.
    pub fn rest(&mut self) -> Vec<String> {
        let mut rest = std::mem::take(&mut self.words);
        rest.append(&mut self.passed_on);
        rest
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.passed_on.is_empty()
    }

    /// Takes all that is left, and refuses an option before `--`.
    ///
    /// # Errors
    /// If there is one.
    pub fn words(&mut self, see: &str) -> Result<Vec<String>> {
        if let Some(option) = self.words.iter().find(|word| word.starts_with('-')) {
            return Err(Usage::new(format!("did not expect `{option}`; see `{see}`")));
        }
        Ok(self.rest())
    }

    /// Refuses whatever is left.
    ///
    /// # Errors
    /// If something is left.
    pub fn finish(&self, see: &str) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(self.unexpected(see)) }
    }

    /// The error for the first word that is left.
    pub fn unexpected(&self, see: &str) -> Error {
        let word = self.words.first().or_else(|| self.passed_on.first()).map_or("nothing", String::as_str);
        Usage::new(format!("did not expect `{word}`; see `{see}`"))
    }
}

fn is_option(word: &str, name: &str) -> bool {
    word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

/// A mistake on the command line, as opposed to a task that failed.
#[derive(Debug)]
pub struct Usage(String);

impl Usage {
    /// The error with this message.
    #[expect(clippy::new_ret_no_self, reason = "it is only ever used as an error")]
    pub fn new(message: String) -> Error {
        Error::new(Self(message))
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Args {
        Args::new(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn takes_a_word_only_if_it_is_no_option() {
        let mut args = args("up --dir x");
        assert_eq!(args.positional().as_deref(), Some("up"));
        assert_eq!(args.positional(), None);
    }

    #[test]
    fn takes_an_option_in_both_spellings_and_the_last_one_counts() {
        let mut args = args("--dir a --dir=b up");
        assert_eq!(args.option("--dir").unwrap().as_deref(), Some("b"));
        assert_eq!(args.rest(), ["up"]);
    }

    #[test]
    fn does_not_take_an_option_whose_name_only_begins_alike() {
        let mut args = args("--directory a");
        assert_eq!(args.option("--dir").unwrap(), None);
    }

    #[test]
    fn names_the_option_whose_value_is_missing() {
        for line in ["--dir", "--dir --dev"] {
            let error = args(line).option("--dir").unwrap_err();
            assert!(error.is::<Usage>());
            assert!(error.to_string().contains("`--dir` needs a value"), "{error}");
        }
    }

    #[test]
    fn leaves_what_follows_two_dashes_alone() {
        let mut args = args("--dev -- --help --dev");
        assert!(args.flag("--dev"));
        assert!(!args.help());
        assert_eq!(args.rest(), ["--help", "--dev"]);
    }

    #[test]
    fn takes_words_and_refuses_options_among_them() {
        assert_eq!(args("a b -- --c").words("x").unwrap(), ["a", "b", "--c"]);
        let error = args("a --c").words("x").err().unwrap();
        assert_eq!(error.to_string(), "did not expect `--c`; see `x`");
    }

    #[test]
    fn refuses_what_nobody_took() {
        let error = args("--wrong").finish("cargo xtask ci --help").unwrap_err();
        assert_eq!(error.to_string(), "did not expect `--wrong`; see `cargo xtask ci --help`");
        assert!(args("").finish("x").is_ok());
    }
}
