import GRPC
import InteropMessages

/// Cases of messages that are compressed, and of those that are not, beside each other.
extension Peer {
  /// `probes`: whether the server is to notice a request that is compressed only in name.
  func clientCompressedUnary(probes: Bool) async throws {
    var request = GrpcTesting.SimpleRequest.large
    request.expectCompressed = .init(value: true)
    if probes {
      try await expectStatus(.invalidArgument) { _ = try await service.unaryCall(request) }
    }
    try await service.unaryCall(request, options: compressing).expectLarge()
    request.expectCompressed = .init(value: false)
    try await service.unaryCall(request).expectLarge()
  }

  func clientCompressedStreaming(probes: Bool) async throws {
    let named = GrpcTesting.StreamingInputCallRequest(
      payload: .init(zeros: 27_182), expectCompressed: .init(value: true))
    if probes {
      try await expectStatus(.invalidArgument) {
        _ = try await service.streamingInputCall { try await $0.write(named) }
      }
    }
    let response = try await service.streamingInputCall(options: compressing) { requests in
      try await requests.write(named)
      try await requests.write(
        .init(payload: .init(zeros: 45_904), expectCompressed: .init(value: false)),
        compresses: false)
    }
    try expect(response.aggregatedPayloadSize, is: 73_086, "the aggregated size")
  }

  func serverCompressedUnary() async throws {
    for isCompressed in [true, false] {
      var request = GrpcTesting.SimpleRequest.large
      request.responseCompressed = .init(value: isCompressed)
      // A unary method, called so that the encoding of its answer can be seen.
      try await client.serverStreaming(GrpcTesting.TestServiceMethods.unaryCall, request) {
        (responses: ResponseStream<GrpcTesting.SimpleResponse>) in
        for try await response in responses {
          try response.expectLarge()
          try expectEncoding(of: responses, isCompressed)
        }
      }
    }
  }

  func serverCompressedStreaming() async throws {
    let parameters: [GrpcTesting.ResponseParameters] = [
      .init(size: 31_415, compressed: .init(value: true)),
      .init(size: 92_653, compressed: .init(value: false)),
    ]
    try await service.streamingOutputCall(.init(responseParameters: parameters)) { responses in
      var left = parameters[...]
      for try await response in responses {
        guard let expected = left.popFirst() else { throw Mismatch("there is a third response") }
        try expect(response.payload, is: .init(zeros: Int(expected.size)))
        try expectEncoding(of: responses, expected.compressed?.value == true)
      }
      try expect(left.count, is: 0, "the number of responses that are missing")
    }
  }

  private var compressing: CallOptions {
    var options = CallOptions()
    options.requestEncoding = encoding
    return options
  }
}

private func expectEncoding<Response>(
  of responses: ResponseStream<Response>, _ isCompressed: Bool
) throws(Mismatch) {
  try expect(
    responses.lastResponseWasCompressed, is: isCompressed, "whether the response is compressed")
}
