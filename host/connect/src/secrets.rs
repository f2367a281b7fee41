//! Reads secrets where they are kept, at the moment they are used.

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use relhost_engine::port::Secrets;
use relhost_model::secret::{SecretError, SecretSource, SecretValue};

/// The largest secret: Kubernetes takes no larger one, so a larger file is the wrong file.
pub const SECRET_BYTES_MAX: u64 = 1024 * 1024;

type Environment = Box<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// Secrets from environment variables and files.
pub struct FileSecrets {
    folder: PathBuf,
    environment: Environment,
}

impl FileSecrets {
    /// Reads files relative to `folder` (the folder of the configuration) and variables by `environment`.
    pub fn new(
        folder: PathBuf,
        environment: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
    ) -> Self {
        Self { folder, environment: Box::new(environment) }
    }

    fn variable(&self, name: &str) -> Result<SecretValue, String> {
        let value = (self.environment)(name)
            .ok_or_else(|| format!("it is not set; set `{name}` where relhost is started"))?;
        if value.is_empty() {
            return Err(format!("it is empty; set `{name}` to the secret where relhost is started"));
        }
        if value.len() as u64 > SECRET_BYTES_MAX {
            return Err(too_large());
        }
        Ok(SecretValue::new(value.into_encoded_bytes()))
    }

    fn file(&self, path: &str) -> Result<SecretValue, String> {
        let path = self.folder.join(path);
        let mut bytes = read(&path)?;
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        if bytes.is_empty() {
            return Err(format!("it is empty; write the secret into {}", path.display()));
        }
        Ok(SecretValue::new(bytes))
    }
}

impl Secrets for FileSecrets {
    fn read(&self, source: &SecretSource) -> Result<SecretValue, SecretError> {
        let value = match source {
            SecretSource::Env(name) => self.variable(name),
            SecretSource::File(path) => self.file(path),
        };
        value.map_err(|reason| SecretError { source_text: source.to_string(), reason })
    }
}

fn too_large() -> String {
    format!("it has more than {SECRET_BYTES_MAX} bytes; this is hardly the secret that was meant")
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let fault = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => format!("there is no {shown}; create it, or correct the path"),
        ErrorKind::PermissionDenied => {
            format!("{shown} may not be read by this user; look at its owner and mode")
        }
        kind => format!("{shown}: {kind}"),
    };
    // Opening a pipe would wait for somebody to write.
    let found = std::fs::metadata(path).map_err(fault)?;
    if !found.is_file() {
        return Err(format!("{shown} is not a file; name the file that holds the secret"));
    }
    if found.len() > SECRET_BYTES_MAX {
        return Err(too_large());
    }
    let file = File::open(path).map_err(fault)?;
    // With enough room from the start no part of the secret stays behind in memory that was outgrown.
    let mut bytes = Vec::with_capacity(SECRET_BYTES_MAX.min(found.len() * 2 + 64) as usize);
    file.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > SECRET_BYTES_MAX {
        return Err(too_large());
    }
    Ok(bytes)
}
