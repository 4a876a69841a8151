import BelayAPI
import GRPC
import Testing

/// What goes along in `grpc-status-details-bin`.
@Suite struct ErrorDetailsTests {
  @Test("A refusal's reason, facts, delay and violations come out as they went in")
  func details() throws {
    let error = RPCError(
      .aborted, "A session is running", reason: "SESSION_ACTIVE",
      facts: ["session": "jobs/a/sessions/b", "job": "a"], retryDelay: .milliseconds(1500),
      violations: [(field: "job.name", description: "is wrong")])
    let status = try #require(error.status)
    #expect(status.code == 10)
    #expect(status.message == "A session is running")
    #expect(
      error.detail(GoogleRpc.ErrorInfo.self)
        == GoogleRpc.ErrorInfo(
          reason: "SESSION_ACTIVE", domain: "belay",
          metadata: ["session": "jobs/a/sessions/b", "job": "a"]))
    #expect(
      error.detail(GoogleRpc.RetryInfo.self)?.retryDelay?.duration == .milliseconds(1500))
    #expect(error.detail(GoogleRpc.BadRequest.self)?.fieldViolations.first?.field == "job.name")
    #expect(error.detail(GoogleRpc.QuotaFailure.self) == nil)
    #expect(status.details.first?.typeURL == "type.googleapis.com/google.rpc.ErrorInfo")
  }

  @Test("Details that are no message are as none")
  func hostileDetails() {
    let error = RPCError(.aborted, "", details: [0xFF, 0xFF])
    #expect(error.status == nil)
    #expect(error.detail(GoogleRpc.ErrorInfo.self) == nil)
  }
}

/// Times between proto and Swift.
@Suite struct TimeConversionTests {
  @Test(
    "A time comes back to the nanosecond",
    arguments: [0, 1, -1, 1_500_000_000, -1_500_000_000, .min, .max] as [Int64])
  func timestamps(nanoseconds: Int64) {
    let timestamp = GoogleProtobuf.Timestamp(nanosecondsSinceEpoch: nanoseconds)
    #expect((0..<1_000_000_000).contains(timestamp.nanos))
    #expect(timestamp.nanosecondsSinceEpoch == nanoseconds)
  }

  @Test("A time that is none, or does not fit, is nil")
  func badTimestamps() {
    #expect(GoogleProtobuf.Timestamp(seconds: 1, nanos: -1).nanosecondsSinceEpoch == nil)
    #expect(GoogleProtobuf.Timestamp(seconds: .max, nanos: 0).nanosecondsSinceEpoch == nil)
    #expect(GoogleProtobuf.Timestamp(seconds: .min, nanos: 0).nanosecondsSinceEpoch == nil)
    #expect(
      GoogleProtobuf.Timestamp(seconds: 0, nanos: 1_000_000_000).nanosecondsSinceEpoch == nil)
  }

  @Test(
    "A duration comes back to the nanosecond",
    arguments: [
      .zero, .nanoseconds(1), .milliseconds(-1500), .seconds(315_576_000_000),
    ] as [Duration])
  func durations(duration: Duration) {
    #expect(GoogleProtobuf.Duration(duration).duration == duration)
  }

  @Test("A duration that is none is nil, and one that is too long saturates")
  func badDurations() {
    #expect(GoogleProtobuf.Duration(seconds: 1, nanos: -1).duration == nil)
    #expect(GoogleProtobuf.Duration(seconds: .min, nanos: 0).duration == nil)
    #expect(GoogleProtobuf.Duration(.seconds(Int64.max)).seconds == 315_576_000_000)
    #expect(GoogleProtobuf.Duration(.seconds(Int64.min)).seconds == -315_576_000_000)
  }
}
