import GRPC
import InteropMessages

extension ServerContext {
  /// Sends back what the caller wants to see again (Echo Metadata).
  func echoMetadata() throws {
    let initialName = "x-grpc-test-echo-initial"
    let trailingName = "x-grpc-test-echo-trailing-bin"
    var initial = Metadata()
    for value in metadata.strings(named: initialName) { try initial.add(initialName, value) }
    var trailing = Metadata()
    for value in metadata.binaries(named: trailingName) {
      try trailing.addBinary(trailingName, value)
    }
    if !initial.isEmpty { sendInitialMetadata(initial) }
    setTrailingMetadata(trailing)
  }
}

extension GrpcTesting.EchoStatus {
  /// Ends the call with this status (Echo Status), unless that is OK.
  func throwIfError() throws(RPCError) {
    guard code != 0 else { return }
    throw RPCError(StatusCode(rawValue: Int(code)), message)
  }
}

extension GrpcTesting.BoolValue {
  /// Refuses the request that was read last, unless it is compressed where it says so
  /// (CompressedRequest).
  func check(_ context: ServerContext) throws(RPCError) {
    guard value, !context.lastRequestWasCompressed else { return }
    throw RPCError(.invalidArgument, "the request says that it is compressed, and is not")
  }
}

extension GrpcTesting.Payload {
  /// So many zeros.
  ///
  /// - Throws: INVALID_ARGUMENT for a type that is not known, or a size that is none.
  init(_ type: GrpcTesting.PayloadType, size: Int32) throws(RPCError) {
    guard type == .compressable else {
      throw RPCError(
        .invalidArgument, "the payload type \(type.rawValue) is not known; use COMPRESSABLE (0)")
    }
    guard (0...Bounds.payload).contains(size) else {
      throw RPCError(.invalidArgument, "the size \(size) is not within 0 to \(Bounds.payload)")
    }
    self.init(type: type, body: [UInt8](repeating: 0, count: Int(size)))
  }
}

extension GrpcTesting.StreamingOutputCallRequest {
  /// Sends the responses that this request orders, each after its interval.
  func answer(
    with responses: ResponseWriter<GrpcTesting.StreamingOutputCallResponse>
  ) async throws {
    try responseStatus?.throwIfError()
    for parameters in responseParameters {
      if parameters.intervalUs > 0 {
        try await Task.sleep(for: .microseconds(parameters.intervalUs))
      }
      let payload = try GrpcTesting.Payload(responseType, size: parameters.size)
      try await responses.write(
        .init(payload: payload), compresses: parameters.compressed?.value == true)
    }
  }
}
