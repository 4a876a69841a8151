import GRPC
import InteropMessages

/// Cases where one side, or both, is a stream.
extension Peer {
  func clientStreaming() async throws {
    let response = try await service.streamingInputCall { requests in
      for size in [27_182, 8, 1_828, 45_904] {
        try await requests.write(.init(payload: .init(zeros: size)))
      }
    }
    try expect(response.aggregatedPayloadSize, is: 74_922, "the aggregated size")
  }

  func serverStreaming() async throws {
    let sizes: [Int32] = [31_415, 9, 2_653, 58_979]
    let request = GrpcTesting.StreamingOutputCallRequest(
      responseParameters: sizes.map { .init(size: $0) })
    try await service.streamingOutputCall(request) { responses in
      var left = sizes[...]
      for try await response in responses {
        guard let size = left.popFirst() else { throw Mismatch("there is a fifth response") }
        try expect(response.payload, is: .init(zeros: Int(size)))
      }
      try expect(left.count, is: 0, "the number of responses that are missing")
    }
  }

  func pingPong() async throws {
    let turns: [(request: Int, response: Int32)] = [
      (27_182, 31_415), (8, 9), (1_828, 2_653), (45_904, 58_979),
    ]
    try await service.fullDuplexCall { requests, responses in
      var answers = responses.makeAsyncIterator()
      for turn in turns {
        try await requests.write(.init(sending: turn.request, asking: turn.response))
        let answer = try await answers.next()
        try expect(answer?.payload, is: .init(zeros: Int(turn.response)))
      }
      requests.finish()
      guard try await answers.next() == nil else { throw Mismatch("there is a fifth response") }
    }
  }

  func emptyStream() async throws {
    try await service.fullDuplexCall { requests, responses in
      requests.finish()
      for try await _ in responses { throw Mismatch("there is a response") }
    }
  }
}
