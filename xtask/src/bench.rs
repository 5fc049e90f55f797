//! Benchmark
