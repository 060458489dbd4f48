//! How much a project's own API is used.

use serde::{Deserialize, Serialize};

use super::endpoint::endpoints;
use super::logs::LogsError;
use super::reference::Ref;

/// How far back is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum UsageInterval {
    /// A quarter of an hour.
    #[serde(rename = "15min")]
    QuarterOfAnHour,
    /// Half an hour.
    #[serde(rename = "30min")]
    HalfAnHour,
    /// An hour.
    #[serde(rename = "1hr")]
    Hour,
    /// Three hours.
    #[serde(rename = "3hr")]
    ThreeHours,
    /// A day.
    #[serde(rename = "1day")]
    Day,
    /// Three days.
    #[serde(rename = "3day")]
    ThreeDays,
    /// A week.
    #[serde(rename = "7day")]
    Week,
}

/// What is counted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct UsageQuery {
    /// How far back; the platform's choice without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<UsageInterval>,
}

/// Counts, or why there are none: both come with status 200.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub struct Usage<T> {
    /// The counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Vec<T>>,
    /// What is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<LogsError>,
}

/// The requests of one stretch of time, by service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiCounts {
    /// When it begins; RFC 3339.
    pub timestamp: String,
    /// To Auth.
    pub total_auth_requests: f64,
    /// To Realtime.
    pub total_realtime_requests: f64,
    /// To the Data API.
    pub total_rest_requests: f64,
    /// To Storage.
    pub total_storage_requests: f64,
}

/// All requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestCount {
    /// How many.
    pub count: f64,
}

endpoints! {
    /// Requests to a project's own API, by service and stretch of time.
    GetApiCounts: Looks GET "/v1/projects/{ref}/analytics/endpoints/usage.api-counts" (Ref) ? UsageQuery => 200 Usage<ApiCounts>, needs "analytics_usage_read";
    /// All requests to a project's own API.
    GetRequestCount: Looks GET "/v1/projects/{ref}/analytics/endpoints/usage.api-requests-count" (Ref) => 200 Usage<RequestCount>, needs "analytics_usage_read";
}
