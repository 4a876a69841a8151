import Testing

@testable import HTTP2

@Suite("Where frames begin")
struct FrameScannerTests {
  /// Length and type of each frame found in pieces of this size.
  private func scan(_ bytes: [UInt8], preface: Int, piecesOf size: Int) -> [[Int]] {
    var scanner = FrameScanner(preface: preface)
    var found: [[Int]] = []
    for start in stride(from: 0, to: bytes.count, by: size) {
      Array(bytes[start..<min(start + size, bytes.count)]).withUnsafeBytes { piece in
        scanner.scan(piece) { found.append([$0.length, Int($0.type)]) }
      }
    }
    return found
  }

  private func frame(_ length: Int, _ type: UInt8) -> [UInt8] {
    [UInt8(length >> 16), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF), type, 0, 0, 0, 0, 1]
      + [UInt8](repeating: 0xAA, count: length)
  }

  @Test("each frame is found once, wherever its bytes are cut")
  func everyCut() {
    let bytes =
      [UInt8](repeating: 0x50, count: 24) + frame(0, 4) + frame(7, 6) + frame(300, 0)
      + frame(0, 0xFE) + frame(5, 9)
    for size in 1...bytes.count {
      #expect(
        scan(bytes, preface: 24, piecesOf: size) == [
          [0, 4], [7, 6], [300, 0], [0, 0xFE], [5, 9],
        ],
        "pieces of \(size)")
    }
  }

  @Test("a length has three bytes")
  func length() {
    let bytes = frame(0x01_0203, 0) + frame(0, 6)
    #expect(scan(bytes, preface: 0, piecesOf: 1 << 14) == [[0x01_0203, 0], [0, 6]])
  }
}
