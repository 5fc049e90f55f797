//! Our frames, as the engine's own reader takes them.

use kestra_engine::Line;
use serde_json::json;

use crate::stage::Stage;
use crate::support::world;
