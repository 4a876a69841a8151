import GRPC
import InteropMessages

/// Cases of calls that their client ends before the server does.
extension Peer {
  func cancelAfterBegin() async throws {
    let (began, begin) = AsyncStream.makeStream(of: Void.self)
    let call = Task {
      _ = try await service.streamingInputCall { _ in
        begin.yield()
        try? await Task.sleep(for: .seconds(3_600))
      }
    }
    for await _ in began { break }
    call.cancel()
    try await expectCancelled(call)
  }

  func cancelAfterFirstResponse() async throws {
    let (answered, answer) = AsyncStream.makeStream(of: GrpcTesting.Payload?.self)
    let call = Task {
      try await service.fullDuplexCall { requests, responses in
        try await requests.write(.init(sending: 27_182, asking: 31_415))
        for try await response in responses { answer.yield(response.payload) }
      }
    }
    for await payload in answered {
      try expect(payload, is: .init(zeros: 31_415))
      break
    }
    call.cancel()
    try await expectCancelled(call)
  }

  func timeoutOnSleepingServer() async throws {
    try await expectStatus(.deadlineExceeded) {
      try await service.fullDuplexCall(options: CallOptions(timeout: .milliseconds(1))) {
        requests, responses in
        try await requests.write(.init(payload: .init(zeros: 27_182)))
        for try await _ in responses { throw Mismatch("there is a response") }
      }
    }
  }

  private func expectCancelled(_ call: Task<Void, any Error>) async throws {
    try await expectStatus(.cancelled) { try await call.value }
  }
}
