import GRPC
import InteropMessages

/// Cases of one request and one response.
extension Peer {
  func emptyUnary() async throws {
    let response = try await service.emptyCall(GrpcTesting.Empty())
    try expect(response, is: GrpcTesting.Empty(), "the response")
  }

  func largeUnary() async throws {
    try await service.unaryCall(.large).expectLarge()
  }

  func concurrentLargeUnary() async throws {
    let calls = concurrency
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<calls { group.addTask { try await largeUnary() } }
      try await group.waitForAll()
    }
  }

  func unimplementedMethod() async throws {
    try await expectStatus(.unimplemented) {
      _ = try await service.unimplementedCall(GrpcTesting.Empty())
    }
  }

  func unimplementedService() async throws {
    try await expectStatus(.unimplemented) {
      _ = try await GrpcTesting.UnimplementedServiceClient(client)
        .unimplementedCall(GrpcTesting.Empty())
    }
  }
}
