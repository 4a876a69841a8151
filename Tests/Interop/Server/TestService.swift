import GRPC
import Glibc
import InteropMessages

/// The methods of `grpc.testing.TestService`, as "Interoperability Test Case Descriptions" has them of a server.
struct TestService: GrpcTesting.TestServiceServer {
  let openCalls: OpenCalls
  /// How responses are compressed that are to be compressed.
  let encoding: MessageEncoding
  /// Tells this process from any other.
  let serverID = String(UInt64.random(in: .min ... .max), radix: 16)

  func emptyCall(
    _ request: GrpcTesting.Empty, context: ServerContext
  ) async throws -> GrpcTesting.Empty {
    try await openCalls.during {
      try context.echoMetadata()
      return GrpcTesting.Empty()
    }
  }

  func unaryCall(
    _ request: GrpcTesting.SimpleRequest, context: ServerContext
  ) async throws -> GrpcTesting.SimpleResponse {
    try await openCalls.during {
      if request.responseCompressed?.value == true { context.setResponseEncoding(encoding) }
      try context.echoMetadata()
      try request.expectCompressed?.check(context)
      try request.responseStatus?.throwIfError()
      let payload = try GrpcTesting.Payload(request.responseType, size: request.responseSize)
      return GrpcTesting.SimpleResponse(
        payload: payload, serverID: request.fillServerID ? serverID : "")
    }
  }

  func cacheableUnaryCall(
    _ request: GrpcTesting.SimpleRequest, context: ServerContext
  ) async throws -> GrpcTesting.SimpleResponse {
    try await openCalls.during {
      var metadata = Metadata()
      try metadata.add("cache-control", "max-age=60, public")
      context.sendInitialMetadata(metadata)
      var now = timespec()
      clock_gettime(CLOCK_REALTIME, &now)
      let nanoseconds = now.tv_sec * 1_000_000_000 + now.tv_nsec
      return GrpcTesting.SimpleResponse(payload: .init(body: Array("\(nanoseconds)".utf8)))
    }
  }

  func streamingOutputCall(
    _ request: GrpcTesting.StreamingOutputCallRequest,
    responses: ResponseWriter<GrpcTesting.StreamingOutputCallResponse>, context: ServerContext
  ) async throws {
    try await openCalls.during {
      context.setResponseEncoding(encoding)
      try context.echoMetadata()
      try await request.answer(with: responses)
    }
  }

  func streamingInputCall(
    _ requests: RequestStream<GrpcTesting.StreamingInputCallRequest>, context: ServerContext
  ) async throws -> GrpcTesting.StreamingInputCallResponse {
    try await openCalls.during {
      try context.echoMetadata()
      var size: Int32 = 0
      for try await request in requests {
        try request.expectCompressed?.check(context)
        let (sum, isTooMuch) = size.addingReportingOverflow(
          Int32(clamping: request.payload?.body.count ?? 0))
        guard !isTooMuch else {
          throw RPCError(.outOfRange, "the payloads' sizes add up to more than 2^31 - 1")
        }
        size = sum
      }
      return GrpcTesting.StreamingInputCallResponse(aggregatedPayloadSize: size)
    }
  }

  func fullDuplexCall(
    _ requests: RequestStream<GrpcTesting.StreamingOutputCallRequest>,
    responses: ResponseWriter<GrpcTesting.StreamingOutputCallResponse>, context: ServerContext
  ) async throws {
    try await openCalls.during {
      context.setResponseEncoding(encoding)
      try context.echoMetadata()
      for try await request in requests { try await request.answer(with: responses) }
    }
  }

  func halfDuplexCall(
    _ requests: RequestStream<GrpcTesting.StreamingOutputCallRequest>,
    responses: ResponseWriter<GrpcTesting.StreamingOutputCallResponse>, context: ServerContext
  ) async throws {
    try await openCalls.during {
      context.setResponseEncoding(encoding)
      try context.echoMetadata()
      var waiting: [GrpcTesting.StreamingOutputCallRequest] = []
      for try await var request in requests {
        guard waiting.count < Bounds.requests else {
          throw RPCError(
            .resourceExhausted, "more than \(Bounds.requests) requests; end your side sooner")
        }
        request.payload = nil
        waiting.append(request)
      }
      for request in waiting { try await request.answer(with: responses) }
    }
  }
}

/// What one call may make the server hold.
enum Bounds {
  /// Requests kept until the client ends its side.
  static let requests = 1_000
  /// Bytes of one response's payload; more than a message may have, so that the library's own limit can be met.
  static let payload: Int32 = 8 << 20
}
