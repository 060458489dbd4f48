//! OpenTelemetry: sends the spans of calls to a collector, by OTLP over HTTP. In builds with the feature
//! `otel`, and there only where the standard variables name a collector: `OTEL_EXPORTER_OTLP_ENDPOINT` or
//! `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`. The other variables of OTLP over HTTP, of the sampler, of
//! batches and of the resource mean what OpenTelemetry's specification says.

use std::env;

use opentelemetry::KeyValue;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use rmcp::model::MetaObject;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use crate::{redact, spans};

/// What sends spans, until the process ends.
pub(crate) struct Export(SdkTracerProvider);

impl Export {
    /// As the environment says; none where it names no collector.
    pub(crate) fn from_environment() -> Result<Option<Self>, String> {
        let is = |name: &str, value: &str| env::var(name).is_ok_and(|set| set == value);
        let named = [
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        ]
        .iter()
        .any(|name| env::var(name).is_ok_and(|endpoint| !endpoint.is_empty()));
        if !named || is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        keep_headers();
        // The exporter's client has no provider of its own. Somebody else may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(protocol()?)
            .build()
            .map_err(|error| format!("spans cannot be exported: {error}"))?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource())
            .build();
        Ok(Some(Self(provider)))
    }

    /// What turns this program's spans into OpenTelemetry's.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let tracer = self.0.tracer("drydock");
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            // Where in the source a span is made, and by which thread, is no news of a call.
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_filter(Targets::new().with_target(spans::TARGET, tracing::Level::DEBUG))
    }

    /// Sends what has not been sent yet.
    pub(crate) fn end(&self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last spans could not be exported");
        }
    }
}

/// How spans are written: as binary Protocol Buffers where nothing else is said.
fn protocol() -> Result<Protocol, String> {
    let names = [
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
    ];
    let said = names
        .into_iter()
        .find_map(|name| Some((name, env::var(name).ok()?)));
    match said {
        None => Ok(Protocol::HttpBinary),
        Some((name, said)) => match said.as_str() {
            "" | "http/protobuf" => Ok(Protocol::HttpBinary),
            "http/json" => Ok(Protocol::HttpJson),
            _ => Err(format!(
                "spans cannot be exported: {name} is {said:?}; this program speaks http/protobuf and http/json"
            )),
        },
    }
}

/// What the spans are of: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say otherwise.
fn resource() -> Resource {
    let resource = Resource::builder()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let attributes = env::var("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    if env::var_os("OTEL_SERVICE_NAME").is_some() || attributes.contains("service.name=") {
        return resource.build();
    }
    resource.with_service_name("drydock").build()
}

/// Has the keys that collectors are sent taken out of whatever is logged.
fn keep_headers() {
    for name in [
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    ] {
        let headers = env::var(name).unwrap_or_default();
        for (_, value) in headers
            .split(',')
            .filter_map(|header| header.split_once('='))
        {
            // `Bearer%20…`: the scheme is none.
            if let Some(value) = value.rsplit("%20").next() {
                redact::keep_secret(value.trim());
            }
        }
    }
}

/// Makes a call's span part of its client's trace, where the request says which that is.
pub(crate) fn follow(span: &Span, meta: &MetaObject) {
    let context = TraceContextPropagator::new().extract(&Carrier(meta));
    // A span that is not exported has no parent to be given.
    let _ = span.set_parent(context);
}

/// The fields of a request's `_meta` that carry a trace's context.
struct Carrier<'a>(&'a MetaObject);

impl Extractor for Carrier<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => self.0.get_traceparent(),
            "tracestate" => self.0.get_tracestate(),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}
