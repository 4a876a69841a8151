import GRPC
import GRPCTransport
import InteropMessages

/// The server under test, and how hard to test it.
struct Peer: Sendable {
  /// The connection that all cases share.
  let client: GRPCClient
  /// A connection of its own, for cases that want one.
  let connect: @Sendable () -> GRPCClient
  /// Calls in parallel.
  let concurrency: Int
  /// How requests are compressed where a case wants that.
  let encoding: MessageEncoding
  let soak: SoakOptions

  init(
    concurrency: Int, encoding: MessageEncoding, soak: SoakOptions,
    connect: @escaping @Sendable () -> GRPCClient
  ) {
    self.concurrency = concurrency
    self.encoding = encoding
    self.soak = soak
    self.connect = connect
    client = connect()
  }

  var service: GrpcTesting.TestServiceClient { .init(client) }
}

/// What a case saw that it must not see.
struct Mismatch: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Fails the case unless two values are the same.
func expect<Value: Equatable>(_ seen: Value, is expected: Value, _ what: String) throws(Mismatch) {
  guard seen == expected else { throw Mismatch("\(what) is \(seen), not \(expected)") }
}

/// Fails the case unless a call ends with a status.
///
/// - Returns: the error, for a look at the rest of it.
@discardableResult
func expectStatus(
  _ code: StatusCode, _ call: () async throws -> Void
) async throws -> RPCError {
  do {
    try await call()
  } catch let error as RPCError {
    try expect(error.code, is: code, "the status (\(error))")
    return error
  }
  throw Mismatch("the status is OK, not \(code)")
}
