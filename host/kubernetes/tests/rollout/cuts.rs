//! A network that breaks: between the product and the real API server there is a forwarder that cuts every
//! connection again and again.

use std::future::Future;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::PATIENT;
use crate::namespace::{Namespace, deployment};

/// No connection lives longer, so every watch ends early and most lists meet a broken connection.
const LIFE: Duration = Duration::from_millis(700);

const ACCOUNT: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: { name: writer }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: writer }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin }
subjects: [{ kind: ServiceAccount, name: writer }]
";

/// Forwards for ever, and counts the connections that it cut.
async fn forward(listener: TcpListener, server: &str, cut: &std::cell::Cell<usize>) {
    let mut open = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let mut client = accepted.unwrap().0;
                let mut server = TcpStream::connect(server).await.unwrap();
                open.push(async move {
                    let copying = tokio::io::copy_bidirectional(&mut client, &mut server);
                    tokio::time::timeout(LIFE, copying).await.is_err()
                });
            }
            Some(was_cut) = open.next() => cut.set(cut.get() + usize::from(was_cut)),
        }
    }
}

/// Runs a future while the forwarder works.
async fn meanwhile<T>(forwarding: impl Future<Output = ()>, work: impl Future<Output = T>) -> T {
    tokio::select! {
        () = forwarding => unreachable!("it forwards for ever"),
        done = work => done,
    }
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_connection_that_breaks_again_and_again_loses_nothing() {
    let namespace = Namespace::new("cuts").await;
    namespace.prepare(ACCOUNT);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    let writer = namespace.as_account("writer", &address).await;
    let slow = deployment(3, "slow-ready", "");
    let objects = namespace.apply(&slow).await;

    let cut = std::cell::Cell::new(0);
    let server = namespace.server().trim_start_matches("https://");
    let waiting = namespace.wait(&writer, objects, PATIENT);
    let (result, lines) = meanwhile(forward(listener, server, &cut), waiting).await;
    let rollout = result.unwrap();
    assert_eq!(rollout.images.len(), 1, "{lines:#?}");
    assert_eq!(lines.last().map(String::as_str), Some("Deployment/web is ready"), "{lines:#?}");
    assert!(cut.get() >= 10, "only {} connections were cut", cut.get());
}
