//! A server that follows a script: for each command that it expects, an answer.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What it does with a command that begins with a word.
pub enum Step {
    /// Answers it; several lines are several lines of the answer.
    Say(&'static str, &'static str),
    /// Reads the content of a message up to the dot and answers.
    Content(&'static str),
    /// Closes the connection.
    Hang,
    /// Says nothing until the client gives up.
    Silence,
}

use Step::{Content, Hang, Say, Silence};

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Accepts as many connections as there are scripts, one after the other. Returns what each client said.
pub fn serve(
    listener: &TcpListener,
    tls: Option<&Arc<ServerConfig>>,
    scripts: &[&[Step]],
) -> Vec<Vec<String>> {
    scripts.iter().map(|script| one(listener.accept().unwrap().0, tls, script)).collect()
}

fn one(socket: TcpStream, tls: Option<&Arc<ServerConfig>>, script: &[Step]) -> Vec<String> {
    let stream: Box<dyn Stream> = match tls {
        None => Box::new(socket),
        Some(config) => {
            let connection = ServerConnection::new(Arc::clone(config)).unwrap();
            Box::new(StreamOwned::new(connection, socket))
        }
    };
    let mut heard = Vec::new();
    // A client that breaks off is what some tests are about; what it said until then is what counts.
    let _ = follow(BufReader::new(stream), script, &mut heard);
    heard
}

fn follow(
    mut stream: BufReader<Box<dyn Stream>>,
    script: &[Step],
    heard: &mut Vec<String>,
) -> io::Result<()> {
    for step in script {
        match step {
            Say("", answer) => say(&mut stream, answer)?,
            Say(expected, answer) => {
                let line = hear(&mut stream, heard)?;
                assert!(line.starts_with(expected), "the script expects {expected}, the client said {line}");
                say(&mut stream, answer)?;
            }
            Content(answer) => {
                while hear(&mut stream, heard)? != "." {}
                say(&mut stream, answer)?;
            }
            Hang => return Ok(()),
            Silence => break,
        }
    }
    // Until the client hangs up.
    loop {
        hear(&mut stream, heard)?;
    }
}

fn hear(stream: &mut BufReader<Box<dyn Stream>>, heard: &mut Vec<String>) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end_matches(['\r', '\n']).to_owned();
    heard.push(line.clone());
    Ok(line)
}

fn say(stream: &mut BufReader<Box<dyn Stream>>, answer: &str) -> io::Result<()> {
    let stream = stream.get_mut();
    for line in answer.split('\n') {
        write!(stream, "{line}\r\n")?;
    }
    stream.flush()
}
