import GRPC
import InteropMessages

/// Cases of what travels beside the messages.
extension Peer {
  func customMetadata() async throws {
    var options = CallOptions()
    try options.metadata.add("x-grpc-test-echo-initial", "test_initial_metadata_value")
    try options.metadata.addBinary("x-grpc-test-echo-trailing-bin", [0xab, 0xab, 0xab])

    // A unary method, called so that the metadata of its answer can be seen.
    try await client.serverStreaming(
      GrpcTesting.TestServiceMethods.unaryCall, GrpcTesting.SimpleRequest.large, options: options
    ) { (responses: ResponseStream<GrpcTesting.SimpleResponse>) in
      for try await response in responses { try response.expectLarge() }
      try expectEchoed(responses.initialMetadata, responses.trailingMetadata)
    }
    try await service.fullDuplexCall(options: options) { requests, responses in
      try await requests.write(.init(sending: 271_828, asking: 314_159))
      requests.finish()
      for try await response in responses {
        try expect(response.payload, is: .init(zeros: 314_159))
      }
      try expectEchoed(responses.initialMetadata, responses.trailingMetadata)
    }
  }

  func statusCodeAndMessage() async throws {
    try await expectEcho(of: .init(code: 2, message: "test status message"))
  }

  func specialStatusMessage() async throws {
    try await expectEcho(
      of: .init(
        code: 2,
        message: "\t\ntest with whitespace\r\nand Unicode BMP \u{263a} and non-BMP \u{1f608}\t\n"))
  }

  /// Has a unary and a streaming call ended with a status.
  private func expectEcho(of status: GrpcTesting.EchoStatus) async throws {
    let unary = try await expectStatus(.unknown) {
      _ = try await service.unaryCall(.init(responseStatus: status))
    }
    try expect(unary.message, is: status.message, "the unary call's status message")
    let stream = try await expectStatus(.unknown) {
      try await service.fullDuplexCall { requests, responses in
        try await requests.write(.init(responseStatus: status))
        requests.finish()
        for try await _ in responses { throw Mismatch("there is a response") }
      }
    }
    try expect(stream.message, is: status.message, "the stream's status message")
  }
}

private func expectEchoed(_ initial: Metadata?, _ trailing: Metadata?) throws(Mismatch) {
  try expect(
    initial?.strings(named: "x-grpc-test-echo-initial"), is: ["test_initial_metadata_value"],
    "the initial metadata")
  try expect(
    trailing?.binaries(named: "x-grpc-test-echo-trailing-bin"), is: [[0xab, 0xab, 0xab]],
    "the trailing metadata")
}
