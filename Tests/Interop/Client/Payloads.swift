import InteropMessages

extension GrpcTesting.Payload {
  /// So many zeros.
  init(zeros: Int) {
    self.init(type: .compressable, body: [UInt8](repeating: 0, count: zeros))
  }
}

extension GrpcTesting.SimpleRequest {
  /// The request of large_unary, and of the cases that vary it.
  static let large = GrpcTesting.SimpleRequest(
    responseSize: 314_159, payload: .init(zeros: 271_828))
}

extension GrpcTesting.SimpleResponse {
  /// Fails the case unless this answers `SimpleRequest.large`.
  func expectLarge() throws(Mismatch) {
    try expect(payload, is: .init(zeros: 314_159))
  }
}

extension GrpcTesting.StreamingOutputCallRequest {
  /// A request for one response.
  init(sending zeros: Int, asking size: Int32) {
    self.init(responseParameters: [.init(size: size)], payload: .init(zeros: zeros))
  }
}

/// Fails the case unless a payload is so many zeros; says no more of it than its size.
func expect(
  _ seen: GrpcTesting.Payload?, is expected: GrpcTesting.Payload
) throws(Mismatch) {
  guard let seen else { throw Mismatch("the response has no payload") }
  try expect(seen.body.count, is: expected.body.count, "the payload's size")
  guard seen == expected else { throw Mismatch("the payload is not all zeros") }
}
