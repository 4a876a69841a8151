import BenchmarkMessages
import GRPC

/// Answers with as many bytes as it is asked for.
struct EchoService: BenchV1.EchoServiceServer {
  /// More than this is refused, so that a slip of the keyboard can't take the machine's memory.
  static let largestResponse: UInt32 = 4 << 20

  func echo(
    _ request: BenchV1.EchoRequest, context: ServerContext
  ) async throws -> BenchV1.EchoResponse {
    BenchV1.EchoResponse(payload: try payload(request.responseSize))
  }

  func stream(
    _ request: BenchV1.StreamRequest, responses: ResponseWriter<BenchV1.EchoResponse>,
    context: ServerContext
  ) async throws {
    let response = BenchV1.EchoResponse(payload: try payload(request.responseSize))
    for _ in 0..<request.count { try await responses.write(response) }
  }

  private func payload(_ size: UInt32) throws(RPCError) -> [UInt8] {
    guard size <= Self.largestResponse else {
      throw RPCError(
        .invalidArgument, "response_size is \(size), and may be at most \(Self.largestResponse)")
    }
    return [UInt8](repeating: 0, count: Int(size))
  }
}
