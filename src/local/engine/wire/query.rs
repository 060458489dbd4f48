//! Running statements: the simple protocol for batches, the extended one for bound parameters.

use fallible_iterator::FallibleIterator;
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend::{self, BindError};
use serde_json::Value;

use super::connection::Wire;
use super::error::{SqlError, WireError};
use super::params;
use super::result::{Collector, ResultSet};

/// Bytes per message that is no row: an error's text, a row description of 1,664 columns.
const OTHER_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Simple,
    Extended,
}

impl Wire {
    /// Runs a batch of statements with the simple protocol and gives every statement's result in order. Unless the
    /// batch says otherwise it is one transaction. `limit` bounds all results together, in bytes of memory.
    pub async fn run(&mut self, sql: &str, limit: usize) -> Result<Vec<ResultSet>, WireError> {
        self.begin()?;
        frontend::query(sql, &mut self.outgoing).map_err(|error| self.unsendable(error))?;
        self.flush().await?;
        self.collect(limit, Protocol::Simple).await
    }

    /// Runs exactly one statement with the extended protocol. `parameters` are JSON values; the server says what
    /// types they must have.
    pub async fn run_with(
        &mut self,
        sql: &str,
        parameters: &[Value],
        limit: usize,
    ) -> Result<ResultSet, WireError> {
        if parameters.is_empty() {
            self.begin()?;
            frontend::parse("", sql, [], &mut self.outgoing)
                .map_err(|error| self.unsendable(error))?;
            return self.execute(Vec::new(), limit).await;
        }
        let types = self.parameter_types(sql).await?;
        let texts = to_texts(parameters, &types)?;
        self.begin()?;
        self.execute(texts, limit).await
    }

    /// Binds and runs the unnamed statement.
    async fn execute(
        &mut self,
        texts: Vec<Option<String>>,
        limit: usize,
    ) -> Result<ResultSet, WireError> {
        let bound = frontend::bind("", "", [], texts, put_text, [], &mut self.outgoing);
        bound.map_err(|error| match error {
            BindError::Conversion(error) => self.unsendable(std::io::Error::other(error)),
            BindError::Serialization(error) => self.unsendable(error),
        })?;
        frontend::describe(b'P', "", &mut self.outgoing).map_err(|error| self.unsendable(error))?;
        frontend::execute("", 0, &mut self.outgoing).map_err(|error| self.unsendable(error))?;
        frontend::sync(&mut self.outgoing);
        self.flush().await?;
        let mut results = self.collect(limit, Protocol::Extended).await?;
        Ok(results.pop().unwrap_or_default())
    }

    /// Parses `sql` as the unnamed statement and gives its parameters' types.
    async fn parameter_types(&mut self, sql: &str) -> Result<Vec<u32>, WireError> {
        self.begin()?;
        frontend::parse("", sql, [], &mut self.outgoing).map_err(|error| self.unsendable(error))?;
        frontend::describe(b'S', "", &mut self.outgoing).map_err(|error| self.unsendable(error))?;
        frontend::sync(&mut self.outgoing);
        self.flush().await?;
        let mut types = Vec::new();
        let mut failure = None;
        loop {
            match self.receive_within(OTHER_MESSAGE_BYTES).await? {
                Message::ParameterDescription(body) => {
                    let mut parameters = body.parameters();
                    while let Some(oid) = parameters
                        .next()
                        .map_err(|e| WireError::Protocol(e.to_string()))?
                    {
                        types.push(oid);
                    }
                }
                Message::ErrorResponse(body) => {
                    failure = Some(fail(SqlError::read(body.fields()))?)
                }
                Message::ReadyForQuery(body) => {
                    self.note_ready(&body);
                    return failure.map_or(Ok(types), Err);
                }
                _ => {}
            }
        }
    }

    /// Marks the connection as busy; it becomes usable again with the server's `ReadyForQuery`, so a future that is
    /// dropped in between leaves it unusable instead of out of step.
    fn begin(&mut self) -> Result<(), WireError> {
        if !self.usable {
            return Err(WireError::Unusable);
        }
        if self.is_closed() {
            return Err(WireError::Closed);
        }
        self.usable = false;
        Ok(())
    }

    /// Nothing was sent: forgets the half-written message.
    fn unsendable(&mut self, error: std::io::Error) -> WireError {
        self.outgoing.clear();
        self.usable = true;
        WireError::Unsendable(error)
    }

    /// Reads to the next `ReadyForQuery`. A failed statement discards the results before it.
    async fn collect(
        &mut self,
        limit: usize,
        protocol: Protocol,
    ) -> Result<Vec<ResultSet>, WireError> {
        let mut collector = Collector::new(limit);
        let mut failure = None;
        loop {
            let allowed = limit.max(OTHER_MESSAGE_BYTES);
            match self.receive_within(allowed).await? {
                Message::RowDescription(body) => collector.columns(&body)?,
                Message::DataRow(body) => collector.row(body)?,
                Message::CommandComplete(body) => {
                    collector.complete(body.tag().unwrap_or_default())
                }
                Message::EmptyQueryResponse | Message::PortalSuspended => collector.complete(""),
                Message::CopyData(body) => collector.count(body.data().len())?,
                Message::CopyInResponse(_) => {
                    frontend::copy_fail("this client sends no data", &mut self.outgoing)
                        .map_err(WireError::Unsendable)?;
                    if protocol == Protocol::Extended {
                        // The server swallowed the first one while it waited for data.
                        frontend::sync(&mut self.outgoing);
                    }
                    self.flush().await?;
                }
                Message::ErrorResponse(body) => {
                    failure = Some(fail(SqlError::read(body.fields()))?)
                }
                Message::ReadyForQuery(body) => {
                    self.note_ready(&body);
                    return failure.map_or_else(|| Ok(collector.finish()), Err);
                }
                _ => {}
            }
        }
    }
}

/// An error leaves the session alive and is told after `ReadyForQuery`; a fatal one ends the session, and then nobody
/// knows whether the statement took effect.
fn fail(error: SqlError) -> Result<WireError, WireError> {
    if error.is_fatal() {
        return Err(WireError::AnswerLost {
            last_words: Some(Box::new(error)),
            source: None,
        });
    }
    Ok(WireError::Sql(Box::new(error)))
}

fn to_texts(parameters: &[Value], types: &[u32]) -> Result<Vec<Option<String>>, WireError> {
    if types.len() != parameters.len() {
        return Err(WireError::Parameter {
            number: parameters.len().min(types.len()) + 1,
            reason: format!(
                "does not fit: {} were given and the statement takes {}",
                parameters.len(),
                types.len()
            ),
        });
    }
    let convert = |(index, (value, type_oid)): (usize, (&Value, &u32))| {
        params::to_text(value, *type_oid).map_err(|reason| WireError::Parameter {
            number: index + 1,
            reason,
        })
    };
    parameters
        .iter()
        .zip(types)
        .enumerate()
        .map(convert)
        .collect()
}

fn put_text(
    text: Option<String>,
    buffer: &mut bytes::BytesMut,
) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
    Ok(match text {
        None => IsNull::Yes,
        Some(text) => {
            buffer.extend_from_slice(text.as_bytes());
            IsNull::No
        }
    })
}
